-- The gap between two bookings is the larger of the buffer after the one and the buffer before the other,
-- whichever was made first. So what the config of a free slot keeps free counts as well, and what changes
-- at one time is felt as far away as the widest buffer of the provider reaches.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "ProviderAgenda" ADD COLUMN "reach" integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN "ProviderAgenda"."reach" IS 'minutes: no buffer of the provider''s configs is wider';

ALTER TABLE "SlotHold"
    ADD COLUMN "bufferBefore" integer NOT NULL DEFAULT 0,
    ADD COLUMN "bufferAfter" integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT "SlotHold_buffer_check"
        CHECK ("bufferBefore" BETWEEN 0 AND 240 AND "bufferAfter" BETWEEN 0 AND 240);

-- Configs are also written by others than the server. Taking the agenda puts this in line with bookings.
CREATE FUNCTION mb_spread_buffers() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE "ProviderAgenda"
       SET "version" = "version" + 1, "reach" = greatest("reach", NEW."bufferBefore", NEW."bufferAfter")
     WHERE "providerId" = NEW."providerId";
    IF TG_OP = 'UPDATE' THEN
        PERFORM mb_refresh(NEW."providerId", min(s."startTime"), max(s."endTime"))
           FROM "CalculatedAvailabilitySlot" s WHERE s."providerId" = NEW."providerId";
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER "ServiceAvailabilityConfig_new_buffers" AFTER INSERT ON "ServiceAvailabilityConfig"
    FOR EACH ROW WHEN (NEW."bufferBefore" > 0 OR NEW."bufferAfter" > 0) EXECUTE FUNCTION mb_spread_buffers();
CREATE TRIGGER "ServiceAvailabilityConfig_changed_buffers"
    AFTER UPDATE OF "bufferBefore", "bufferAfter", "providerId" ON "ServiceAvailabilityConfig" FOR EACH ROW
    WHEN ((OLD."bufferBefore", OLD."bufferAfter", OLD."providerId")
          IS DISTINCT FROM (NEW."bufferBefore", NEW."bufferAfter", NEW."providerId"))
    EXECUTE FUNCTION mb_spread_buffers();

-- What is there already, in the one order of locks.
DO $$
BEGIN
    PERFORM FROM "ProviderAgenda" g
      WHERE EXISTS (SELECT FROM "ServiceAvailabilityConfig" c
                     WHERE c."providerId" = g."providerId" AND c."bufferBefore" + c."bufferAfter" > 0)
      ORDER BY g."providerId" FOR NO KEY UPDATE;
    UPDATE "ProviderAgenda" g
       SET "version" = g."version" + 1, "reach" = c.reach
      FROM (SELECT "providerId", max(greatest("bufferBefore", "bufferAfter")) AS reach
              FROM "ServiceAvailabilityConfig" GROUP BY 1) c
     WHERE c."providerId" = g."providerId" AND c.reach > 0;
    UPDATE "CalculatedAvailabilitySlot" s
       SET "status" = 'INVALID', "version" = s."version" + 1, "lastCalculated" = mb_now(), "updatedAt" = mb_now()
      FROM "ServiceAvailabilityConfig" c
     WHERE c."id" = s."serviceConfigId" AND s."status" = 'AVAILABLE' AND c."bufferBefore" + c."bufferAfter" > 0
       AND EXISTS (
           SELECT FROM "Booking" b
            WHERE b."providerId" = s."providerId" AND b."status" <> 'CANCELLED'
              AND b."startTime" < s."endTime" + c."bufferAfter" * interval '1 min'
              AND b."startTime" > s."startTime" - interval '28 hours'
              AND b."endTime" > s."startTime" - c."bufferBefore" * interval '1 min');
END
$$;

RESET ROLE;
