-- What is live on a provider's timeline, by start, for every reader; and the exclusion constraints
-- over an expression that no reader uses, so that their indexes serve them alone. A GiST scan that
-- is started again within one statement may mark living rows dead while another session splits its
-- page; then the constraint itself would overlook them.
SET LOCAL ROLE medbookd_owner;

CREATE INDEX "Booking_providerId_startTime_live_idx"
    ON "Booking" ("providerId", "startTime") WHERE "status" <> 'CANCELLED';

ALTER TABLE "Booking"
    DROP CONSTRAINT "Booking_providerId_startTime_endTime_excl",
    ADD CONSTRAINT "Booking_providerId_startTime_endTime_excl"
        EXCLUDE USING gist (("providerId" || '') WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" <> 'CANCELLED');

ALTER TABLE "Availability"
    DROP CONSTRAINT "Availability_providerId_startTime_endTime_excl",
    ADD CONSTRAINT "Availability_providerId_startTime_endTime_excl"
        EXCLUDE USING gist (("providerId" || '') WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" = 'ACCEPTED');

RESET ROLE;
