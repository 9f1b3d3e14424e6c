ALTER TABLE "Availability"
    DROP CONSTRAINT "Availability_providerId_startTime_endTime_excl",
    ADD CONSTRAINT "Availability_providerId_startTime_endTime_excl"
        EXCLUDE USING gist ("providerId" WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" = 'ACCEPTED');
ALTER TABLE "Booking"
    DROP CONSTRAINT "Booking_providerId_startTime_endTime_excl",
    ADD CONSTRAINT "Booking_providerId_startTime_endTime_excl"
        EXCLUDE USING gist ("providerId" WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" <> 'CANCELLED');
DROP INDEX "Booking_providerId_startTime_live_idx";
