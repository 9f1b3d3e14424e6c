-- transaction: none
DROP INDEX CONCURRENTLY "Booking_personHash_startTime_live_idx";
