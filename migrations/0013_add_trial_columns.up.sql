-- Trial status, step 2: nullable columns, which neither rewrite the table nor disturb a reader.
SET LOCAL ROLE medbookd_owner;

CREATE TYPE "TrialStatus" AS ENUM ('NOT_STARTED', 'ACTIVE', 'EXPIRING_SOON', 'EXPIRED', 'CONVERTED');
ALTER TABLE "Provider"
    ADD COLUMN "trialStarted" timestamptz(3),
    ADD COLUMN "trialEnded" timestamptz(3),
    ADD COLUMN "trialStatus" "TrialStatus";

RESET ROLE;
