-- Organizations are read and changed through the API, and go the way of providers: the same steps of status and one
-- trial, with the triggers that providers have.
SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_is_zone(name text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN name ~ '^([A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]+)+|UTC)$'
       AND timestamp '2000-01-01' AT TIME ZONE name IS NOT NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION mb_is_zone(text) IS 'whether this is a zone of IANA, such as Africa/Johannesburg';

ALTER TABLE "Organization"
    ADD COLUMN "timeZone" text NOT NULL DEFAULT 'Africa/Johannesburg'
        CONSTRAINT "Organization_timeZone_check" CHECK (mb_is_zone("timeZone")),
    ADD COLUMN "trialStarted" timestamptz(3),
    ADD COLUMN "trialEnded" timestamptz(3),
    ADD COLUMN "trialStatus" "TrialStatus" NOT NULL DEFAULT 'NOT_STARTED',
    ADD COLUMN "suspendedFrom" "OrganizationStatus",
    ADD COLUMN "statusSince" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "isListed" boolean NOT NULL GENERATED ALWAYS AS ("status" IN ('APPROVED', 'TRIAL', 'ACTIVE')) STORED,
    ADD COLUMN "version" integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT "Organization_suspendedFrom_check" CHECK (
        "suspendedFrom" IS NULL
        OR "status" = 'SUSPENDED'
       AND "suspendedFrom" IN ('APPROVED', 'TRIAL', 'TRIAL_EXPIRED', 'ACTIVE', 'PAYMENT_OVERDUE'));
COMMENT ON COLUMN "Organization"."timeZone" IS 'IANA zone in which its days are meant';
COMMENT ON COLUMN "Organization"."trialEnded" IS 'when the trial ends or ended, once it was started';
COMMENT ON COLUMN "Organization"."suspendedFrom" IS
    'the status that is given back with the end of the suspension; null = not known, as of rows that were imported';
COMMENT ON COLUMN "Organization"."statusSince" IS 'when "status" became what it is';
COMMENT ON COLUMN "Organization"."isListed" IS 'everybody may see it';

UPDATE "Organization" SET "statusSince" = greatest("createdAt", "approvedAt", "rejectedAt");

INSERT INTO "StatusEdge" ("resource", "fromStatus", "toStatus")
SELECT 'Organization', e."fromStatus", e."toStatus" FROM "StatusEdge" e WHERE e."resource" = 'Provider';

CREATE TRIGGER "Organization_status_edge" BEFORE UPDATE ON "Organization"
    FOR EACH ROW WHEN (OLD."status" IS DISTINCT FROM NEW."status") EXECUTE FUNCTION mb_judge_status();
CREATE TRIGGER "Organization_status_since" BEFORE UPDATE ON "Organization"
    FOR EACH ROW WHEN (OLD."status" IS DISTINCT FROM NEW."status") EXECUTE FUNCTION mb_note_status();
CREATE TRIGGER "Organization_version" BEFORE UPDATE ON "Organization"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

-- Pages: of what everybody sees, of all, of those of a status, and the desk, where the longest wait comes first.
CREATE INDEX "Organization_name_id_listed_idx" ON "Organization" ("name", "id") WHERE "isListed";
CREATE INDEX "Organization_name_id_idx" ON "Organization" ("name", "id");
CREATE INDEX "Organization_status_name_id_idx" ON "Organization" ("status", "name", "id");
CREATE INDEX "Organization_status_statusSince_id_idx" ON "Organization" ("status", "statusSince", "id");
CREATE INDEX "Organization_statusSince_id_idx" ON "Organization" ("statusSince", "id");
CREATE INDEX "Organization_name_trgm_idx" ON "Organization" USING gin ("name" gin_trgm_ops);
DROP INDEX "Organization_status_idx"; -- two of these begin with it

RESET ROLE;
