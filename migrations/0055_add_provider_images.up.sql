-- The image of a provider is a file of ours; "image" is its path then.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider" ADD COLUMN "imageFileId" text
    CONSTRAINT "Provider_imageFileId_fkey" REFERENCES "ProviderFile" ("id") ON DELETE RESTRICT;
CREATE UNIQUE INDEX "Provider_imageFileId_key" ON "Provider" ("imageFileId") WHERE "imageFileId" IS NOT NULL;

CREATE FUNCTION mb_drop_image() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM "ProviderFile" f WHERE f."id" = OLD."imageFileId" AND f."id" IS DISTINCT FROM NEW."imageFileId";
    RETURN NULL;
END
$$;
CREATE TRIGGER "Provider_image" AFTER UPDATE OF "imageFileId" ON "Provider"
    FOR EACH ROW EXECUTE FUNCTION mb_drop_image();

RESET ROLE;
