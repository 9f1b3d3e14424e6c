DROP INDEX "RequirementType_displayPriority_id_idx";
DROP INDEX "RequirementType_name_id_idx";
DROP TRIGGER "RequirementType_version" ON "RequirementType";
ALTER TABLE "RequirementType" DROP COLUMN "version", DROP COLUMN "updatedAt", DROP COLUMN "createdAt";
