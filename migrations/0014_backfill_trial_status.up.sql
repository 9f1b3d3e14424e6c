-- Trial status, step 3: the rows that are there already.
UPDATE "Provider" SET "trialStatus" = 'NOT_STARTED' WHERE "trialStatus" IS NULL;
