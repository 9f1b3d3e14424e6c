-- What organizations were before they were suspended, and their trials, are forgotten with their columns.
SET LOCAL ROLE medbookd_owner;

CREATE INDEX "Organization_status_idx" ON "Organization" ("status");
DROP INDEX "Organization_name_trgm_idx";
DROP INDEX "Organization_statusSince_id_idx";
DROP INDEX "Organization_status_statusSince_id_idx";
DROP INDEX "Organization_status_name_id_idx";
DROP INDEX "Organization_name_id_idx";
DROP INDEX "Organization_name_id_listed_idx";
DROP TRIGGER "Organization_version" ON "Organization";
DROP TRIGGER "Organization_status_since" ON "Organization";
DROP TRIGGER "Organization_status_edge" ON "Organization";
DELETE FROM "StatusEdge" WHERE "resource" = 'Organization';
ALTER TABLE "Organization"
    DROP CONSTRAINT "Organization_suspendedFrom_check",
    DROP COLUMN "version", DROP COLUMN "isListed", DROP COLUMN "statusSince", DROP COLUMN "suspendedFrom",
    DROP COLUMN "trialStatus", DROP COLUMN "trialEnded", DROP COLUMN "trialStarted", DROP COLUMN "timeZone";
DROP FUNCTION mb_is_zone(text);

RESET ROLE;
