-- transaction: none
CREATE INDEX CONCURRENTLY "Provider_trialStatus_idx" ON "Provider" ("trialStatus");
