-- What providers were before they were suspended is forgotten with its column, and reasons with theirs.
DROP TRIGGER "Provider_status_edge" ON "Provider";
DROP FUNCTION mb_judge_status();
ALTER TABLE "Provider" DROP CONSTRAINT "Provider_suspendedFrom_check", DROP COLUMN "suspendedFrom";
COMMENT ON COLUMN "Provider"."trialEnded" IS NULL;
ALTER TABLE "StatusHistory" DROP COLUMN "reason";
DROP TABLE "StatusEdge";
