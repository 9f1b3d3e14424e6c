-- The organization that offered what was booked, as of then: its members' rights hang on it, also once
-- a cancelled booking has let go of its slot.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Booking"
    ADD COLUMN "organizationId" text CONSTRAINT "Booking_organizationId_fkey"
        REFERENCES "Organization" ("id") ON DELETE RESTRICT;

RESET ROLE;
