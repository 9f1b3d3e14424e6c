-- transaction: none
DROP INDEX CONCURRENTLY "Booking_startTime_pending_idx";
