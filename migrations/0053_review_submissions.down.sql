SET LOCAL ROLE medbookd_owner;

DROP TRIGGER "RequirementType_deferred" ON "RequirementType";
DROP FUNCTION mb_defer_requirement();
ALTER TABLE "RequirementType"
    DROP COLUMN "scriptedFrom",
    DROP COLUMN "scriptedSince",
    DROP COLUMN "requiredSince";
DROP INDEX "RequirementSubmission_warnAt_idx";
DROP INDEX "RequirementSubmission_expiresAt_idx";
DROP INDEX "RequirementSubmission_status_submittedAt_id_idx";
CREATE INDEX "RequirementSubmission_status_idx" ON "RequirementSubmission" ("status");
DROP TRIGGER "RequirementSubmission_version" ON "RequirementSubmission";
ALTER TABLE "RequirementSubmission"
    DROP COLUMN "version",
    DROP COLUMN "updatedAt",
    DROP COLUMN "warnAt",
    DROP COLUMN "warnedFor";

RESET ROLE;
