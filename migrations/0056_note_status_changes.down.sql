DROP INDEX "Organization_status_idx";
DROP TRIGGER "Provider_status_since" ON "Provider";
DROP FUNCTION mb_note_status();
ALTER TABLE "Provider" DROP COLUMN "statusSince";
