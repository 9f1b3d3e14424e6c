ALTER TABLE "Booking" DROP COLUMN "organizationId";
