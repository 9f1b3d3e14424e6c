-- Documents that were sent in do not come back: the schema before has no room for them.
SET LOCAL ROLE medbookd_owner;

DROP TRIGGER "RequirementSubmission_files" ON "RequirementSubmission";
DROP FUNCTION mb_drop_files();
DROP TABLE "ProviderFilePiece";
DROP TABLE "ProviderFile";

RESET ROLE;
