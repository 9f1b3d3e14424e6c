-- transaction: none
DROP INDEX CONCURRENTLY "Provider_trialStatus_idx";
