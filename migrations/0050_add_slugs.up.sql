-- What there is for providers to be, to offer and to answer is known by a slug, may be retired, and what is asked anew
-- counts from a day on.
SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_slug(name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$SELECT trim(BOTH '-' FROM regexp_replace(lower(name COLLATE "C"), '[^a-z0-9]+', '-', 'g'))$$;
COMMENT ON FUNCTION mb_slug(text) IS
    'HPCSA Number -> hpcsa-number, as slug() of lua/validation/requirement.lua; empty without a letter of a to z or digit';

-- Of a row that has none: from its name, with a number behind it where that is taken. TG_ARGV[0]: the column within
-- whose value slugs are unique, or none.
CREATE FUNCTION mb_fill_slug() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    base constant text := coalesce(nullif(mb_slug(NEW."name"), ''), mb_cuid());
    within constant text := CASE WHEN TG_NARGS > 0 THEN format('AND t.%1$I = ($1).%1$I', TG_ARGV[0]) ELSE '' END;
    place integer := 1;
    is_taken boolean;
BEGIN
    NEW."slug" := base;
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I t WHERE t."slug" = ($1)."slug" %s)', TG_TABLE_NAME, within)
           INTO is_taken USING NEW;
        EXIT WHEN NOT is_taken;
        place := place + 1;
        NEW."slug" := base || '-' || place;
    END LOOP;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_fill_slug() IS 'gives a row a slug that no other one has';

ALTER TABLE "ProviderType"
    ADD COLUMN "slug" text,
    ADD COLUMN "isActive" boolean NOT NULL DEFAULT true;
ALTER TABLE "Service"
    ADD COLUMN "slug" text,
    ADD COLUMN "isActive" boolean NOT NULL DEFAULT true;
ALTER TABLE "RequirementType"
    ADD COLUMN "slug" text,
    ADD COLUMN "isActive" boolean NOT NULL DEFAULT true,
    ADD COLUMN "effectiveFrom" timestamptz(3);

-- Those that are there, by the same function, which sees the rows that the statement has changed before.
CREATE TRIGGER fill BEFORE UPDATE ON "ProviderType" FOR EACH ROW EXECUTE FUNCTION mb_fill_slug();
CREATE TRIGGER fill BEFORE UPDATE ON "Service" FOR EACH ROW EXECUTE FUNCTION mb_fill_slug('providerTypeId');
CREATE TRIGGER fill BEFORE UPDATE ON "RequirementType" FOR EACH ROW EXECUTE FUNCTION mb_fill_slug('providerTypeId');
UPDATE "ProviderType" SET "slug" = NULL;
UPDATE "Service" SET "slug" = NULL;
UPDATE "RequirementType" SET "slug" = NULL, "effectiveFrom" = "createdAt" + interval '60 days';
DROP TRIGGER fill ON "ProviderType";
DROP TRIGGER fill ON "Service";
DROP TRIGGER fill ON "RequirementType";

CREATE FUNCTION mb_fill_effective_from() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW."effectiveFrom" := NEW."createdAt" + interval '60 days';
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_fill_effective_from() IS 'leaves those who were approved before 60 days to answer';

CREATE TRIGGER "ProviderType_slug" BEFORE INSERT ON "ProviderType"
    FOR EACH ROW WHEN (NEW."slug" IS NULL) EXECUTE FUNCTION mb_fill_slug();
CREATE TRIGGER "Service_slug" BEFORE INSERT ON "Service"
    FOR EACH ROW WHEN (NEW."slug" IS NULL) EXECUTE FUNCTION mb_fill_slug('providerTypeId');
CREATE TRIGGER "RequirementType_slug" BEFORE INSERT ON "RequirementType"
    FOR EACH ROW WHEN (NEW."slug" IS NULL) EXECUTE FUNCTION mb_fill_slug('providerTypeId');
CREATE TRIGGER "RequirementType_effectiveFrom" BEFORE INSERT ON "RequirementType"
    FOR EACH ROW WHEN (NEW."effectiveFrom" IS NULL) EXECUTE FUNCTION mb_fill_effective_from();

ALTER TABLE "ProviderType"
    ALTER COLUMN "slug" SET NOT NULL,
    ADD CONSTRAINT "ProviderType_slug_key" UNIQUE ("slug"),
    ADD CONSTRAINT "ProviderType_slug_check" CHECK ("slug" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
ALTER TABLE "Service"
    ALTER COLUMN "slug" SET NOT NULL,
    ADD CONSTRAINT "Service_providerTypeId_slug_key" UNIQUE ("providerTypeId", "slug"),
    ADD CONSTRAINT "Service_slug_check" CHECK ("slug" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
ALTER TABLE "RequirementType"
    ALTER COLUMN "slug" SET NOT NULL,
    ALTER COLUMN "effectiveFrom" SET NOT NULL,
    ADD CONSTRAINT "RequirementType_providerTypeId_slug_key" UNIQUE ("providerTypeId", "slug"),
    ADD CONSTRAINT "RequirementType_slug_check" CHECK ("slug" ~ '^[a-z0-9]+(-[a-z0-9]+)*$');
DROP INDEX "RequirementType_providerTypeId_idx"; -- the key begins with it

COMMENT ON COLUMN "ProviderType"."slug" IS 'by which people, rule files and reference data know it; never changes';
COMMENT ON COLUMN "ProviderType"."isActive" IS 'false: retired; nobody becomes one any more';
COMMENT ON COLUMN "Service"."slug" IS 'by which people and reference data know it, within its type; never changes';
COMMENT ON COLUMN "Service"."isActive" IS 'false: retired; no provider takes it up any more';
COMMENT ON COLUMN "RequirementType"."slug" IS
    'by which people, rule files and reference data know it, within its type; never changes';
COMMENT ON COLUMN "RequirementType"."isActive" IS 'false: retired; nobody is asked any more';
COMMENT ON COLUMN "RequirementType"."effectiveFrom" IS
    'from when on whoever was approved before needs an answer that was; until then it warns';

RESET ROLE;
