-- What is asked of providers is read and changed through the API.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "RequirementType"
    ADD COLUMN "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "version" integer NOT NULL DEFAULT 1;

CREATE TRIGGER "RequirementType_version" BEFORE UPDATE ON "RequirementType"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

CREATE INDEX "RequirementType_name_id_idx" ON "RequirementType" ("name", "id");
CREATE INDEX "RequirementType_displayPriority_id_idx" ON "RequirementType" ("displayPriority", "id");

RESET ROLE;
