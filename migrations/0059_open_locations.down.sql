-- Zones of locations, and which are closed, are forgotten with their columns.
SET LOCAL ROLE medbookd_owner;

DROP INDEX "Location_formattedAddress_trgm_idx";
DROP INDEX "Location_name_trgm_idx";
DROP INDEX "Location_name_id_idx";
DROP INDEX "Location_name_id_listed_idx";
DROP TRIGGER "Organization_locations" ON "Organization";
DROP TRIGGER "Location_version" ON "Location";
DROP TRIGGER "Location_filled" ON "Location";
DROP FUNCTION mb_list_locations();
DROP FUNCTION mb_fill_location();
ALTER TABLE "Location"
    DROP CONSTRAINT "Location_isListed_check",
    DROP COLUMN "updatedAt", DROP COLUMN "createdAt", DROP COLUMN "version", DROP COLUMN "isListed",
    DROP COLUMN "closed", DROP COLUMN "timeZone";

RESET ROLE;
