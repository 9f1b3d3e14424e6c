-- Answers are reviewed as they were seen, and warn before they lapse; what scripts make required counts from a day on.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "RequirementSubmission"
    ADD COLUMN "version" integer NOT NULL DEFAULT 1,
    ADD COLUMN "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "warnAt" timestamptz(3),
    ADD COLUMN "warnedFor" timestamptz(3);
COMMENT ON COLUMN "RequirementSubmission"."warnAt" IS 'from when on its provider is to know that the approved copy lapses';
COMMENT ON COLUMN "RequirementSubmission"."warnedFor" IS 'the "expiresAt" of which its provider was told';

CREATE TRIGGER "RequirementSubmission_version" BEFORE UPDATE ON "RequirementSubmission"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

DROP INDEX "RequirementSubmission_status_idx";
CREATE INDEX "RequirementSubmission_status_submittedAt_id_idx" ON "RequirementSubmission" ("status", "submittedAt", "id");
CREATE INDEX "RequirementSubmission_expiresAt_idx" ON "RequirementSubmission" ("expiresAt")
    WHERE "approvedAt" IS NOT NULL AND "expiresAt" IS NOT NULL;
CREATE INDEX "RequirementSubmission_warnAt_idx" ON "RequirementSubmission" ("warnAt") WHERE "warnAt" IS NOT NULL;

ALTER TABLE "RequirementType" ADD COLUMN "scriptedFrom" timestamptz(3);
COMMENT ON COLUMN "RequirementType"."scriptedFrom" IS
    'as "effectiveFrom", of what a script makes required and the row does not; null: no script does, or not for long enough to be noticed';

RESET ROLE;
