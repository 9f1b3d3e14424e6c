-- What is live on a provider's timeline, by start: for every reader that asks once per slot. The
-- index of the exclusion constraint is no index to read by: a GiST scan that is started again
-- within one statement may mark living rows dead while another session splits its page.
SET LOCAL ROLE medbookd_owner;
CREATE INDEX "Booking_providerId_startTime_live_idx"
    ON "Booking" ("providerId", "startTime") WHERE "status" <> 'CANCELLED';
RESET ROLE;
