-- transaction: none
CREATE INDEX CONCURRENTLY "CalculatedAvailabilitySlot_providerId_startTime_id_free_idx" ON "CalculatedAvailabilitySlot" ("providerId", "startTime", "id") WHERE "status" = 'AVAILABLE';
