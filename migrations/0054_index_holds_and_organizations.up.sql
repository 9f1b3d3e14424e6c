-- Which holds can be near a time, and the standing of an organization, stand in the index alone.
SET LOCAL ROLE medbookd_owner;

DROP INDEX "SlotHold_providerId_expiresAt_idx";
CREATE INDEX "SlotHold_providerId_startTime_endTime_idx" ON "SlotHold" ("providerId", "startTime", "endTime");

CREATE INDEX "Organization_id_status_idx" ON "Organization" ("id", "status");

RESET ROLE;
