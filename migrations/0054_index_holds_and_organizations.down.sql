SET LOCAL ROLE medbookd_owner;

DROP INDEX "Organization_id_status_idx";

DROP INDEX "SlotHold_providerId_startTime_endTime_idx";
CREATE INDEX "SlotHold_providerId_expiresAt_idx" ON "SlotHold" ("providerId", "expiresAt");

RESET ROLE;
