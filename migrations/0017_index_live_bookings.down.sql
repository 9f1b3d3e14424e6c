DROP INDEX "Booking_providerId_startTime_live_idx";
