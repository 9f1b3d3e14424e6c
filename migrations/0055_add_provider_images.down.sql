-- Images that were sent in do not come back: the schema before has no room for them.
SET LOCAL ROLE medbookd_owner;

DROP TRIGGER "Provider_image" ON "Provider";
DROP FUNCTION mb_drop_image();
UPDATE "Provider" SET "image" = '' WHERE "imageFileId" IS NOT NULL;
ALTER TABLE "Provider" DROP COLUMN "imageFileId";

RESET ROLE;
