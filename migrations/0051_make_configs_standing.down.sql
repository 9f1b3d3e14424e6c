SET LOCAL ROLE medbookd_owner;

DROP TRIGGER "ServiceAvailabilityConfig_retired" ON "ServiceAvailabilityConfig";
DROP TRIGGER "ServiceAvailabilityConfig_version" ON "ServiceAvailabilityConfig";
DROP INDEX "ServiceAvailabilityConfig_providerId_serviceId_locationId_key";
ALTER TABLE "ServiceAvailabilityConfig" DROP COLUMN "isStanding", DROP COLUMN "isActive", DROP COLUMN "version";

RESET ROLE;
