DROP TABLE "SlotHold";
DROP TABLE "Booking";
DROP TABLE "CalculatedAvailabilitySlot";
DROP TABLE "_AvailabilityToServiceAvailabilityConfig";
DROP TABLE "Availability";
