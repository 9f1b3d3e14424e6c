-- transaction: none
CREATE INDEX CONCURRENTLY "Booking_personHash_startTime_live_idx" ON "Booking" ("personHash", "startTime") WHERE "personHash" IS NOT NULL AND "status" <> 'CANCELLED';
