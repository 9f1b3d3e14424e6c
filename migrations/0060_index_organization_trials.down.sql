-- transaction: none
DROP INDEX CONCURRENTLY "Organization_trialStatus_idx";
