-- Since when a provider is what it is: whoever waits longest comes first on the desk of who decides.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider" ADD COLUMN "statusSince" timestamptz(3) NOT NULL DEFAULT now();
COMMENT ON COLUMN "Provider"."statusSince" IS 'when "status" became what it is';

UPDATE "Provider" p
   SET "statusSince" = coalesce((SELECT max(h."createdAt") FROM "StatusHistory" h
                                  WHERE h."resource" = 'Provider' AND h."resourceId" = p."id"),
                                greatest(p."createdAt", p."approvedAt", p."rejectedAt", p."trialStarted"));

CREATE FUNCTION mb_note_status() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW."statusSince" := mb_now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_note_status() IS 'notes when a status changed';

CREATE TRIGGER "Provider_status_since" BEFORE UPDATE ON "Provider"
    FOR EACH ROW WHEN (OLD."status" IS DISTINCT FROM NEW."status") EXECUTE FUNCTION mb_note_status();

CREATE INDEX "Provider_statusSince_id_waiting_idx" ON "Provider" ("statusSince", "id")
    WHERE "status" = 'PENDING_APPROVAL';
CREATE INDEX "Organization_status_idx" ON "Organization" ("status");

RESET ROLE;
