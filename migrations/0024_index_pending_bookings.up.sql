-- transaction: none
CREATE INDEX CONCURRENTLY "Booking_startTime_pending_idx" ON "Booking" ("startTime") WHERE "status" = 'PENDING';
