-- transaction: none
CREATE INDEX CONCURRENTLY "CalculatedAvailabilitySlot_locationId_startTime_id_free_idx" ON "CalculatedAvailabilitySlot" ("locationId", "startTime", "id") WHERE "status" = 'AVAILABLE';
