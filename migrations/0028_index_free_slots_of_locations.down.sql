-- transaction: none
DROP INDEX CONCURRENTLY "CalculatedAvailabilitySlot_locationId_startTime_id_free_idx";
