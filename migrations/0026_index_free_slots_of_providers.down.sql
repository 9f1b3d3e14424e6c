-- transaction: none
DROP INDEX CONCURRENTLY "CalculatedAvailabilitySlot_providerId_startTime_id_free_idx";
