-- Nothing to take back: the column goes with the step before.
SELECT 1;
