-- transaction: none
CREATE INDEX CONCURRENTLY "CalculatedAvailabilitySlot_serviceId_startTime_id_free_idx" ON "CalculatedAvailabilitySlot" ("serviceId", "startTime", "id") WHERE "status" = 'AVAILABLE';
