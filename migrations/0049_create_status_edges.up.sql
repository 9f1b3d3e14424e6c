-- What may become of a status, whoever writes it: every change of a table's "status" goes along an edge that stands
-- here. A new row may have any, as those that are imported do.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "StatusEdge" (
    "resource" text,
    "fromStatus" text,
    "toStatus" text,
    CONSTRAINT "StatusEdge_pkey" PRIMARY KEY ("resource", "fromStatus", "toStatus")
);
COMMENT ON TABLE "StatusEdge" IS 'the steps of the workflows of lua/workflows/states/, as a migration filled it in';
REVOKE INSERT, UPDATE, DELETE ON "StatusEdge" FROM medbookd_app;
GRANT SELECT ON "StatusEdge" TO medbookd_report;

INSERT INTO "StatusEdge" ("resource", "fromStatus", "toStatus") VALUES
    ('Provider', 'PENDING_APPROVAL', 'APPROVED'),
    ('Provider', 'PENDING_APPROVAL', 'REJECTED'),
    ('Provider', 'REJECTED', 'PENDING_APPROVAL'),
    ('Provider', 'CANCELLED', 'PENDING_APPROVAL'),
    ('Provider', 'APPROVED', 'TRIAL'),
    ('Provider', 'TRIAL', 'TRIAL_EXPIRED'),
    ('Provider', 'TRIAL', 'ACTIVE'),
    ('Provider', 'TRIAL_EXPIRED', 'ACTIVE'),
    ('Provider', 'ACTIVE', 'PAYMENT_OVERDUE'),
    ('Provider', 'PAYMENT_OVERDUE', 'ACTIVE'),
    ('Provider', 'PENDING_APPROVAL', 'CANCELLED'),
    ('Provider', 'SUSPENDED', 'CANCELLED');
-- Who is suspended comes back to where they were, and whoever is or was in service may go.
INSERT INTO "StatusEdge" ("resource", "fromStatus", "toStatus")
SELECT 'Provider', e.f, e.t
  FROM unnest('{APPROVED,TRIAL,TRIAL_EXPIRED,ACTIVE,PAYMENT_OVERDUE}'::text[]) s
 CROSS JOIN LATERAL (VALUES (s, 'SUSPENDED'), ('SUSPENDED', s), (s, 'CANCELLED')) e (f, t);

ALTER TABLE "StatusHistory" ADD COLUMN "reason" text;
COMMENT ON COLUMN "StatusHistory"."reason" IS 'in words, as whoever decided gave it';

ALTER TABLE "Provider"
    ADD COLUMN "suspendedFrom" "ProviderStatus",
    ADD CONSTRAINT "Provider_suspendedFrom_check" CHECK (
        "suspendedFrom" IS NULL
        OR "status" = 'SUSPENDED'
       AND "suspendedFrom" IN ('APPROVED', 'TRIAL', 'TRIAL_EXPIRED', 'ACTIVE', 'PAYMENT_OVERDUE'));
COMMENT ON COLUMN "Provider"."suspendedFrom" IS
    'the status that is given back with the end of the suspension; null = not known, as of rows that were imported';
COMMENT ON COLUMN "Provider"."trialEnded" IS 'when the trial ends or ended, once it was started';

-- For tables with "status" and "suspendedFrom". SUSPENDED gives back what it took, or the end of a trial that ran out
-- meanwhile.
CREATE FUNCTION mb_judge_status() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM "StatusEdge" e
         WHERE e."resource" = TG_TABLE_NAME AND e."fromStatus" = OLD."status"::text AND e."toStatus" = NEW."status"::text
    ) OR OLD."status" = 'SUSPENDED' AND NEW."status" <> 'CANCELLED' AND NEW."status" <> OLD."suspendedFrom"
     AND NOT (OLD."suspendedFrom" = 'TRIAL' AND NEW."status" = 'TRIAL_EXPIRED')
    THEN
        RAISE EXCEPTION '% % cannot become % from %', TG_TABLE_NAME, OLD."id", NEW."status", OLD."status"
            USING ERRCODE = 'check_violation', TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME;
    END IF;
    NEW."suspendedFrom" := CASE WHEN NEW."status" = 'SUSPENDED' THEN OLD."status" END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_judge_status() IS 'refuses a change of a status for which "StatusEdge" has no row';

CREATE TRIGGER "Provider_status_edge" BEFORE UPDATE ON "Provider"
    FOR EACH ROW WHEN (OLD."status" IS DISTINCT FROM NEW."status") EXECUTE FUNCTION mb_judge_status();

RESET ROLE;
