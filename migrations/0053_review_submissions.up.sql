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

ALTER TABLE "RequirementType"
    ADD COLUMN "requiredSince" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "scriptedSince" timestamptz(3),
    ADD COLUMN "scriptedFrom" timestamptz(3);
COMMENT ON COLUMN "RequirementType"."requiredSince" IS
    'whoever was approved before is held to it from "effectiveFrom" on, all others at once';
COMMENT ON COLUMN "RequirementType"."scriptedSince" IS
    'since when a script makes it required that the row does not; null: none does, or nobody has noticed yet';
COMMENT ON COLUMN "RequirementType"."scriptedFrom" IS 'as "effectiveFrom", for whoever was approved before "scriptedSince"';
UPDATE "RequirementType" SET "requiredSince" = "createdAt";

-- What is asked again, or becomes required, is new to those who were approved.
CREATE FUNCTION mb_defer_requirement() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW."requiredSince" := mb_now();
    IF NEW."effectiveFrom" = OLD."effectiveFrom" THEN
        NEW."effectiveFrom" := greatest(OLD."effectiveFrom", mb_now() + interval '60 days');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_defer_requirement() IS 'leaves those who were approved before 60 days to answer';
CREATE TRIGGER "RequirementType_deferred" BEFORE UPDATE ON "RequirementType"
    FOR EACH ROW WHEN (NEW."isRequired" AND NEW."isActive" AND NOT (OLD."isRequired" AND OLD."isActive"))
    EXECUTE FUNCTION mb_defer_requirement();

RESET ROLE;
