-- A config is what a provider takes for a service at a place, or a copy that an availability has of it with another
-- duration or price. Only the former is standing, and there is one at most for a place; one that was used is retired.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "ServiceAvailabilityConfig"
    ADD COLUMN "isStanding" boolean NOT NULL DEFAULT false,
    ADD COLUMN "isActive" boolean NOT NULL DEFAULT true,
    ADD COLUMN "version" integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN "ServiceAvailabilityConfig"."isStanding" IS
    'what the provider takes in general, shown and changed as such; false: a copy of an availability, or unknown';
COMMENT ON COLUMN "ServiceAvailabilityConfig"."isActive" IS 'false: retired, nothing of it can be booked';

-- Of what is there already, the oldest for each place stands.
UPDATE "ServiceAvailabilityConfig" c
   SET "isStanding" = true
  FROM (SELECT DISTINCT ON ("providerId", "serviceId", "locationId") "id"
          FROM "ServiceAvailabilityConfig"
         ORDER BY "providerId", "serviceId", "locationId", "createdAt", "id") first
 WHERE c."id" = first."id";

CREATE UNIQUE INDEX "ServiceAvailabilityConfig_providerId_serviceId_locationId_key"
    ON "ServiceAvailabilityConfig" ("providerId", "serviceId", "locationId") NULLS NOT DISTINCT WHERE "isStanding";

CREATE TRIGGER "ServiceAvailabilityConfig_version" BEFORE UPDATE ON "ServiceAvailabilityConfig"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

-- Retired or taken up again: the status of its slots says so too.
CREATE TRIGGER "ServiceAvailabilityConfig_retired" AFTER UPDATE OF "isActive" ON "ServiceAvailabilityConfig" FOR EACH ROW
    WHEN (OLD."isActive" <> NEW."isActive") EXECUTE FUNCTION mb_spread_buffers();

RESET ROLE;
