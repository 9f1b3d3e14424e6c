-- Rows that are read and changed through the API have a version, which their ETag shows. Whoever writes, a program
-- beside this server too, raises it.
CREATE EXTENSION pg_trgm; -- for searches of a part of a name

SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_count_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW."version" := OLD."version" + 1;
    NEW."updatedAt" := mb_now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_count_version() IS 'counts the changes of a row, and when the last one was';

ALTER TABLE "ProviderType"
    ADD COLUMN "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "version" integer NOT NULL DEFAULT 1;
ALTER TABLE "Service" ADD COLUMN "version" integer NOT NULL DEFAULT 1;
ALTER TABLE "User" ADD COLUMN "version" integer NOT NULL DEFAULT 1;

CREATE TRIGGER "ProviderType_version" BEFORE UPDATE ON "ProviderType"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();
CREATE TRIGGER "Service_version" BEFORE UPDATE ON "Service"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();
CREATE TRIGGER "User_version" BEFORE UPDATE ON "User"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

CREATE INDEX "Service_name_id_idx" ON "Service" ("name", "id");
CREATE INDEX "ProviderType_name_id_idx" ON "ProviderType" ("name", "id");

RESET ROLE;
