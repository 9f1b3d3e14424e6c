DROP TRIGGER "Provider_version" ON "Provider";
ALTER TABLE "Provider" DROP COLUMN "version";
