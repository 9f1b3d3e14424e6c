ALTER TABLE "Provider" DROP COLUMN "trialStatus", DROP COLUMN "trialEnded", DROP COLUMN "trialStarted";
DROP TYPE "TrialStatus";
