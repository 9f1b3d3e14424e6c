-- Providers are read and changed through the API.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider" ADD COLUMN "version" integer NOT NULL DEFAULT 1;

CREATE TRIGGER "Provider_version" BEFORE UPDATE ON "Provider"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

RESET ROLE;
