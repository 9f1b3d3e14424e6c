-- transaction: none
CREATE INDEX CONCURRENTLY "Organization_trialStatus_idx" ON "Organization" ("trialStatus");
