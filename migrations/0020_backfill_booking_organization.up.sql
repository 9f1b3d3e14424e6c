-- Bookings of before that still have their slot; of a cancelled one nobody knows any more.
UPDATE "Booking" b
   SET "organizationId" = a."organizationId"
  FROM "CalculatedAvailabilitySlot" s
  JOIN "Availability" a ON a."id" = s."availabilityId"
 WHERE s."id" = b."slotId" AND a."organizationId" IS NOT NULL AND b."organizationId" IS NULL;
