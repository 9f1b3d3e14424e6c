-- Trial status, step 5: the default comes last, after every row has a value. Rows that came in
-- between the backfill and now get theirs.
ALTER TABLE "Provider" ALTER COLUMN "trialStatus" SET DEFAULT 'NOT_STARTED';
UPDATE "Provider" SET "trialStatus" = 'NOT_STARTED' WHERE "trialStatus" IS NULL;
