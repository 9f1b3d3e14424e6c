SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider" DROP COLUMN "compliantUntil";
ALTER TABLE "RequirementSubmission"
    DROP COLUMN "submittedAt",
    DROP COLUMN "approvedMetadata",
    DROP COLUMN "approvedAt";

RESET ROLE;
