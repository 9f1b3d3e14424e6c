-- The value that the way up filled in says nothing; others are kept for as long as the column.
UPDATE "Provider" SET "trialStatus" = NULL WHERE "trialStatus" = 'NOT_STARTED';
