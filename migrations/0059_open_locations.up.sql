-- Locations are read and changed through the API: each in a zone of its own, closed when nobody works there any more,
-- and seen by everybody while its organization is in service.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Location"
    ADD COLUMN "timeZone" text CONSTRAINT "Location_timeZone_check" CHECK (mb_is_zone("timeZone")),
    ADD COLUMN "closed" boolean NOT NULL DEFAULT false,
    ADD COLUMN "isListed" boolean NOT NULL DEFAULT false,
    ADD COLUMN "version" integer NOT NULL DEFAULT 1,
    ADD COLUMN "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD CONSTRAINT "Location_isListed_check" CHECK (NOT ("isListed" AND "closed"));
COMMENT ON COLUMN "Location"."timeZone" IS 'IANA zone in which its days are meant';
COMMENT ON COLUMN "Location"."closed" IS 'nobody works there any more: hidden, nothing new';
COMMENT ON COLUMN "Location"."isListed" IS 'everybody may see it';

UPDATE "Location" l
   SET "timeZone" = o."timeZone", "isListed" = o."isListed"
  FROM "Organization" o
 WHERE o."id" = l."organizationId";
ALTER TABLE "Location" ALTER COLUMN "timeZone" SET NOT NULL;

-- What a new one has that says nothing of it. The organization stands still meanwhile, so that it takes no step that
-- would pass this one by.
CREATE FUNCTION mb_fill_location() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    organization record;
BEGIN
    SELECT o."timeZone", o."isListed" INTO organization
      FROM "Organization" o WHERE o."id" = NEW."organizationId" FOR SHARE;
    NEW."timeZone" := coalesce(NEW."timeZone", organization."timeZone");
    NEW."isListed" := coalesce(organization."isListed", false) AND NOT NEW."closed";
    NEW."googlePlaceId" := coalesce(NEW."googlePlaceId", 'local:' || NEW."id");
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION mb_fill_location() IS 'gives a new location zone, place and whether everybody sees it';

CREATE FUNCTION mb_list_locations() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE "Location" SET "isListed" = NEW."isListed" AND NOT "closed" WHERE "organizationId" = NEW."id";
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION mb_list_locations() IS 'shows and hides the locations of an organization with it';

CREATE TRIGGER "Location_filled" BEFORE INSERT ON "Location"
    FOR EACH ROW EXECUTE FUNCTION mb_fill_location();
CREATE TRIGGER "Location_version" BEFORE UPDATE ON "Location"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();
CREATE TRIGGER "Organization_locations" AFTER UPDATE ON "Organization"
    FOR EACH ROW WHEN (OLD."isListed" <> NEW."isListed") EXECUTE FUNCTION mb_list_locations();

-- Pages: of what everybody sees, and of all; and parts of names and addresses.
CREATE INDEX "Location_name_id_listed_idx" ON "Location" ("name", "id") WHERE "isListed";
CREATE INDEX "Location_name_id_idx" ON "Location" ("name", "id");
CREATE INDEX "Location_name_trgm_idx" ON "Location" USING gin ("name" gin_trgm_ops);
CREATE INDEX "Location_formattedAddress_trgm_idx" ON "Location" USING gin ("formattedAddress" gin_trgm_ops);

RESET ROLE;
