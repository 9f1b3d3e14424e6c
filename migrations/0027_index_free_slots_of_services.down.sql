-- transaction: none
DROP INDEX CONCURRENTLY "CalculatedAvailabilitySlot_serviceId_startTime_id_free_idx";
