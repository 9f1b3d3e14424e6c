DROP TABLE "RequirementSubmission";
DROP TABLE "RequirementType";
