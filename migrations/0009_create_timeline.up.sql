-- Everything that lies on a provider's timeline. Writers lock its "ProviderAgenda" row first.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "Availability" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Availability_pkey" PRIMARY KEY,
    "providerId" text NOT NULL
        CONSTRAINT "Availability_providerId_fkey" REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "startTime" timestamptz(3) NOT NULL,
    "endTime" timestamptz(3) NOT NULL,
    "organizationId" text
        CONSTRAINT "Availability_organizationId_fkey" REFERENCES "Organization" ("id") ON DELETE RESTRICT,
    "locationId" text
        CONSTRAINT "Availability_locationId_fkey" REFERENCES "Location" ("id") ON DELETE RESTRICT,
    "createdById" text NOT NULL
        CONSTRAINT "Availability_createdById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "status" "AvailabilityStatus" NOT NULL DEFAULT 'PENDING',
    "acceptedById" text
        CONSTRAINT "Availability_acceptedById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "acceptedAt" timestamptz(3),
    "requiresConfirmation" boolean NOT NULL DEFAULT true,
    "isOnlineAvailable" boolean NOT NULL DEFAULT false,
    "schedulingRule" "SchedulingRule" NOT NULL DEFAULT 'CONTINUOUS',
    "recurrencePattern" jsonb,
    "seriesId" text,
    "isRecurring" boolean NOT NULL DEFAULT false,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "Availability_id_providerId_key" UNIQUE ("id", "providerId"),
    CONSTRAINT "Availability_endTime_check" CHECK ("endTime" > "startTime"),
    CONSTRAINT "Availability_locationId_check"
        CHECK ("organizationId" IS NULL OR "isOnlineAvailable" OR "locationId" IS NOT NULL),
    CONSTRAINT "Availability_providerId_startTime_endTime_excl"
        EXCLUDE USING gist ("providerId" WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" = 'ACCEPTED')
);

CREATE INDEX idx_availability_provider_time ON "Availability" ("providerId", "startTime", "endTime");
CREATE INDEX idx_availability_status ON "Availability" ("status");
CREATE INDEX idx_availability_series ON "Availability" ("seriesId");

CREATE TABLE "_AvailabilityToServiceAvailabilityConfig" (
    "A" text NOT NULL CONSTRAINT "_AvailabilityToServiceAvailabilityConfig_A_fkey"
        REFERENCES "Availability" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    "B" text NOT NULL CONSTRAINT "_AvailabilityToServiceAvailabilityConfig_B_fkey"
        REFERENCES "ServiceAvailabilityConfig" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "_AvailabilityToServiceAvailabilityConfig_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_AvailabilityToServiceAvailabilityConfig_B_index"
    ON "_AvailabilityToServiceAvailabilityConfig" ("B");

-- The columns after "updatedAt" are copies that let a search do without joins; the keys to
-- availability and config hold the provider and the service to theirs.
CREATE TABLE "CalculatedAvailabilitySlot" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "CalculatedAvailabilitySlot_pkey" PRIMARY KEY,
    "availabilityId" text NOT NULL,
    "serviceId" text NOT NULL CONSTRAINT "CalculatedAvailabilitySlot_serviceId_fkey"
        REFERENCES "Service" ("id") ON DELETE RESTRICT,
    "serviceConfigId" text NOT NULL,
    "startTime" timestamptz(3) NOT NULL,
    "endTime" timestamptz(3) NOT NULL,
    "status" "SlotStatus" NOT NULL DEFAULT 'AVAILABLE',
    "lastCalculated" timestamptz(3) NOT NULL,
    "blockedByEventId" text CONSTRAINT "CalculatedAvailabilitySlot_blockedByEventId_fkey"
        REFERENCES "CalendarEvent" ("id") ON DELETE RESTRICT,
    "version" integer NOT NULL DEFAULT 1,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "providerId" text NOT NULL,
    "locationId" text,
    "price" numeric(10,2) NOT NULL,
    "isOnlineAvailable" boolean NOT NULL,
    "isInPerson" boolean NOT NULL,
    CONSTRAINT "CalculatedAvailabilitySlot_availabilityId_fkey" FOREIGN KEY ("availabilityId", "providerId")
        REFERENCES "Availability" ("id", "providerId") ON DELETE RESTRICT,
    CONSTRAINT "CalculatedAvailabilitySlot_serviceConfigId_fkey"
        FOREIGN KEY ("serviceConfigId", "providerId", "serviceId")
        REFERENCES "ServiceAvailabilityConfig" ("id", "providerId", "serviceId") ON DELETE RESTRICT,
    -- Shortened to 63 characters as Prisma does.
    CONSTRAINT "CalculatedAvailabilitySlot_availabilityId_serviceConfigId_s_key"
        UNIQUE ("availabilityId", "serviceConfigId", "startTime"),
    -- The upper bound lets overlaps of a time be looked for from one day before it.
    CONSTRAINT "CalculatedAvailabilitySlot_endTime_check"
        CHECK ("endTime" > "startTime" AND "endTime" <= "startTime" + interval '24 hours')
);
COMMENT ON COLUMN "CalculatedAvailabilitySlot"."status" IS
    'derived by mb_slot_status, never set by hand';

CREATE INDEX idx_slots_availability_service
    ON "CalculatedAvailabilitySlot" ("availabilityId", "serviceId", "startTime", "status");
CREATE INDEX idx_slots_time_status ON "CalculatedAvailabilitySlot" ("startTime", "status", "serviceId");
-- Search of one provider in its order, and with endTime in the index the overlaps of a time.
CREATE INDEX "CalculatedAvailabilitySlot_providerId_startTime_id_endTime_idx"
    ON "CalculatedAvailabilitySlot" ("providerId", "startTime", "id", "endTime");
CREATE INDEX "CalculatedAvailabilitySlot_blockedByEventId_idx"
    ON "CalculatedAvailabilitySlot" ("blockedByEventId") WHERE "blockedByEventId" IS NOT NULL;

-- What was booked stands in the columns after "updatedAt", so that it outlives the slot.
CREATE TABLE "Booking" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Booking_pkey" PRIMARY KEY,
    "slotId" text CONSTRAINT "Booking_slotId_key" UNIQUE CONSTRAINT "Booking_slotId_fkey"
        REFERENCES "CalculatedAvailabilitySlot" ("id") ON DELETE RESTRICT,
    "createdById" text
        CONSTRAINT "Booking_createdById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "createdByMembershipId" text CONSTRAINT "Booking_createdByMembershipId_fkey"
        REFERENCES "OrganizationMembership" ("id") ON DELETE RESTRICT,
    "clientId" text
        CONSTRAINT "Booking_clientId_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "guestName" text,
    "guestEmail" text,
    "guestPhone" text,
    "guestWhatsapp" text,
    "price" numeric(10,2) NOT NULL,
    "isOnline" boolean NOT NULL,
    "isInPerson" boolean NOT NULL DEFAULT false,
    "status" "BookingStatus" NOT NULL DEFAULT 'PENDING',
    "notes" text,
    "meetLink" text,
    "calendarEventId" text,
    "confirmedById" text
        CONSTRAINT "Booking_confirmedById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "confirmedAt" timestamptz(3),
    "version" integer NOT NULL DEFAULT 1,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "reference" text NOT NULL CONSTRAINT "Booking_reference_key" UNIQUE,
    "providerId" text NOT NULL,
    "serviceId" text NOT NULL,
    "serviceConfigId" text NOT NULL,
    "locationId" text
        CONSTRAINT "Booking_locationId_fkey" REFERENCES "Location" ("id") ON DELETE RESTRICT,
    "startTime" timestamptz(3) NOT NULL,
    "endTime" timestamptz(3) NOT NULL,
    "bufferBefore" integer NOT NULL DEFAULT 0,
    "bufferAfter" integer NOT NULL DEFAULT 0,
    "cancelledAt" timestamptz(3),
    "cancelledById" text
        CONSTRAINT "Booking_cancelledById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "reasonCode" text,
    "cancelReason" text,
    "tokenVersion" integer NOT NULL DEFAULT 1,
    -- The config's own keys hold provider and service to existing ones.
    CONSTRAINT "Booking_serviceConfigId_fkey" FOREIGN KEY ("serviceConfigId", "providerId", "serviceId")
        REFERENCES "ServiceAvailabilityConfig" ("id", "providerId", "serviceId") ON DELETE RESTRICT,
    -- Few and short: PostgreSQL compiles each anew for every statement.
    CONSTRAINT "Booking_endTime_check" CHECK ("endTime" > "startTime"),
    CONSTRAINT "Booking_clientId_check" CHECK (num_nonnulls("clientId", "guestName") = 1),
    CONSTRAINT "Booking_isOnline_check" CHECK ("isOnline" <> "isInPerson"),
    CONSTRAINT "Booking_price_check" CHECK ("price" >= 0),
    CONSTRAINT "Booking_buffer_check" CHECK ("bufferBefore" BETWEEN 0 AND 240 AND "bufferAfter" BETWEEN 0 AND 240),
    CONSTRAINT "Booking_status_check" CHECK (
        CASE "status" WHEN 'CANCELLED' THEN num_nonnulls("cancelledAt", "reasonCode") = 2 AND "slotId" IS NULL
                      ELSE num_nonnulls("cancelledAt", "reasonCode") = 0 AND "slotId" IS NOT NULL
                           AND ("status" = 'PENDING' OR "confirmedAt" IS NOT NULL)
        END),
    CONSTRAINT "Booking_providerId_startTime_endTime_excl"
        EXCLUDE USING gist ("providerId" WITH =, tstzrange("startTime", "endTime") WITH &&)
        WHERE ("status" <> 'CANCELLED')
);
COMMENT ON COLUMN "Booking"."reference" IS 'said to people: eight Crockford characters, from mb_reference';
COMMENT ON COLUMN "Booking"."tokenVersion" IS 'raised to revoke the manage token';

CREATE INDEX idx_bookings_client ON "Booking" ("clientId", "createdAt");
CREATE INDEX idx_bookings_slot_status ON "Booking" ("slotId", "status");

CREATE TABLE "SlotHold" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "SlotHold_pkey" PRIMARY KEY,
    "slotId" text NOT NULL CONSTRAINT "SlotHold_slotId_fkey"
        REFERENCES "CalculatedAvailabilitySlot" ("id") ON DELETE CASCADE,
    "providerId" text NOT NULL
        CONSTRAINT "SlotHold_providerId_fkey" REFERENCES "Provider" ("id") ON DELETE CASCADE,
    "startTime" timestamptz(3) NOT NULL,
    "endTime" timestamptz(3) NOT NULL,
    "holder" text NOT NULL,
    "expiresAt" timestamptz(3) NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "SlotHold_endTime_check" CHECK ("endTime" > "startTime"),
    CONSTRAINT "SlotHold_expiresAt_check" CHECK ("expiresAt" > "createdAt")
);
COMMENT ON TABLE "SlotHold" IS
    'until it expires, hides and refuses every overlapping slot of the provider for others than its holder';
COMMENT ON COLUMN "SlotHold"."holder" IS 'id of a user, or SHA-256 of the token that a guest was given';

CREATE INDEX "SlotHold_providerId_expiresAt_idx" ON "SlotHold" ("providerId", "expiresAt");
CREATE INDEX "SlotHold_slotId_idx" ON "SlotHold" ("slotId");

GRANT SELECT ON "Availability", "_AvailabilityToServiceAvailabilityConfig", "CalculatedAvailabilitySlot"
    TO medbookd_report;

RESET ROLE;
