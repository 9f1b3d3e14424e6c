SET LOCAL ROLE medbookd_owner;

CREATE TABLE "ProviderType" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ProviderType_pkey" PRIMARY KEY,
    "name" text NOT NULL CONSTRAINT "ProviderType_name_key" UNIQUE,
    "description" text
);

CREATE TABLE "Service" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Service_pkey" PRIMARY KEY,
    "name" text NOT NULL,
    "description" text,
    "displayPriority" integer NOT NULL DEFAULT 0,
    "defaultDuration" integer NOT NULL,
    "defaultPrice" numeric(10,2) NOT NULL,
    "providerTypeId" text NOT NULL CONSTRAINT "Service_providerTypeId_fkey"
        REFERENCES "ProviderType" ("id") ON DELETE RESTRICT,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "Service_defaultDuration_check" CHECK ("defaultDuration" BETWEEN 1 AND 1440),
    CONSTRAINT "Service_defaultPrice_check" CHECK ("defaultPrice" >= 0)
);
COMMENT ON COLUMN "Service"."defaultDuration" IS 'minutes';

CREATE INDEX "Service_providerTypeId_displayPriority_idx" ON "Service" ("providerTypeId", "displayPriority");

CREATE TABLE "Provider" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Provider_pkey" PRIMARY KEY,
    "name" text NOT NULL,
    "userId" text NOT NULL CONSTRAINT "Provider_userId_key" UNIQUE
        CONSTRAINT "Provider_userId_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "bio" text,
    "image" text NOT NULL,
    "languages" "Languages"[] NOT NULL DEFAULT '{}',
    "website" text,
    "email" text NOT NULL DEFAULT 'default@example.com',
    "whatsapp" text NOT NULL DEFAULT '+1234567890',
    "showPrice" boolean NOT NULL DEFAULT true,
    "status" "ProviderStatus" NOT NULL DEFAULT 'PENDING_APPROVAL',
    "approvedById" text
        CONSTRAINT "Provider_approvedById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "approvedAt" timestamptz(3),
    "rejectedAt" timestamptz(3),
    "rejectionReason" text,
    "averageRating" double precision,
    "totalReviews" integer NOT NULL DEFAULT 0,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "timeZone" text NOT NULL DEFAULT 'Africa/Johannesburg',
    CONSTRAINT "Provider_averageRating_check" CHECK ("averageRating" BETWEEN 1 AND 5),
    CONSTRAINT "Provider_totalReviews_check" CHECK ("totalReviews" >= 0),
    -- The pattern keeps out abbreviations and offsets, the conversion fails for names that are no zone.
    CONSTRAINT "Provider_timeZone_check" CHECK (
        "timeZone" ~ '^([A-Z][A-Za-z_]+(/[A-Z][A-Za-z0-9_+-]+)+|UTC)$'
        AND timestamp '2000-01-01' AT TIME ZONE "timeZone" IS NOT NULL)
);
COMMENT ON COLUMN "Provider"."email" IS 'the default is no address: it is never shown nor written to';
COMMENT ON COLUMN "Provider"."whatsapp" IS 'the default is no number: it is never shown nor written to';
COMMENT ON COLUMN "Provider"."timeZone" IS 'IANA zone in which days and scheduling marks are meant';

CREATE INDEX idx_providers_status ON "Provider" ("status");
CREATE INDEX "Provider_name_id_idx" ON "Provider" ("name", "id");

CREATE TABLE "_ProviderToService" (
    "A" text NOT NULL CONSTRAINT "_ProviderToService_A_fkey"
        REFERENCES "Provider" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    "B" text NOT NULL CONSTRAINT "_ProviderToService_B_fkey"
        REFERENCES "Service" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "_ProviderToService_AB_pkey" PRIMARY KEY ("A", "B")
);
CREATE INDEX "_ProviderToService_B_index" ON "_ProviderToService" ("B");

CREATE TABLE "ProviderTypeAssignment" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ProviderTypeAssignment_pkey" PRIMARY KEY,
    "providerId" text NOT NULL CONSTRAINT "ProviderTypeAssignment_providerId_fkey"
        REFERENCES "Provider" ("id") ON DELETE CASCADE,
    "providerTypeId" text NOT NULL CONSTRAINT "ProviderTypeAssignment_providerTypeId_fkey"
        REFERENCES "ProviderType" ("id") ON DELETE CASCADE,
    CONSTRAINT "ProviderTypeAssignment_providerId_providerTypeId_key" UNIQUE ("providerId", "providerTypeId")
);
CREATE INDEX "ProviderTypeAssignment_providerTypeId_idx" ON "ProviderTypeAssignment" ("providerTypeId");

CREATE TABLE "ServiceAvailabilityConfig" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ServiceAvailabilityConfig_pkey" PRIMARY KEY,
    "serviceId" text NOT NULL CONSTRAINT "ServiceAvailabilityConfig_serviceId_fkey"
        REFERENCES "Service" ("id") ON DELETE RESTRICT,
    "providerId" text NOT NULL CONSTRAINT "ServiceAvailabilityConfig_providerId_fkey"
        REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "locationId" text CONSTRAINT "ServiceAvailabilityConfig_locationId_fkey"
        REFERENCES "Location" ("id") ON DELETE RESTRICT,
    "duration" integer NOT NULL,
    "price" numeric(10,2) NOT NULL,
    "isOnlineAvailable" boolean NOT NULL DEFAULT false,
    "isInPerson" boolean NOT NULL DEFAULT false,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "bufferBefore" integer NOT NULL DEFAULT 0,
    "bufferAfter" integer NOT NULL DEFAULT 0,
    -- What slots and bookings refer to, so that their provider and service are those of the config.
    CONSTRAINT "ServiceAvailabilityConfig_id_providerId_serviceId_key" UNIQUE ("id", "providerId", "serviceId"),
    CONSTRAINT "ServiceAvailabilityConfig_duration_check" CHECK ("duration" BETWEEN 1 AND 1440),
    CONSTRAINT "ServiceAvailabilityConfig_price_check" CHECK ("price" >= 0),
    CONSTRAINT "ServiceAvailabilityConfig_bufferBefore_check" CHECK ("bufferBefore" BETWEEN 0 AND 240),
    CONSTRAINT "ServiceAvailabilityConfig_bufferAfter_check" CHECK ("bufferAfter" BETWEEN 0 AND 240)
);
COMMENT ON COLUMN "ServiceAvailabilityConfig"."duration" IS 'minutes';
COMMENT ON COLUMN "ServiceAvailabilityConfig"."bufferBefore" IS 'minutes kept free before a booking';
COMMENT ON COLUMN "ServiceAvailabilityConfig"."bufferAfter" IS 'minutes kept free after a booking';

CREATE INDEX "ServiceAvailabilityConfig_providerId_idx" ON "ServiceAvailabilityConfig" ("providerId");
CREATE INDEX "ServiceAvailabilityConfig_serviceId_idx" ON "ServiceAvailabilityConfig" ("serviceId");
CREATE INDEX "ServiceAvailabilityConfig_locationId_idx" ON "ServiceAvailabilityConfig" ("locationId");

CREATE TABLE "OrganizationProviderConnection" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "OrganizationProviderConnection_pkey" PRIMARY KEY,
    "organizationId" text NOT NULL CONSTRAINT "OrganizationProviderConnection_organizationId_fkey"
        REFERENCES "Organization" ("id") ON DELETE RESTRICT,
    "providerId" text NOT NULL CONSTRAINT "OrganizationProviderConnection_providerId_fkey"
        REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "status" "ConnectionStatus" NOT NULL DEFAULT 'PENDING',
    "defaultBilledBy" "BillingEntity" NOT NULL DEFAULT 'ORGANIZATION',
    "requestedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "acceptedAt" timestamptz(3),
    CONSTRAINT "OrganizationProviderConnection_organizationId_providerId_key" UNIQUE ("organizationId", "providerId")
);
CREATE INDEX "OrganizationProviderConnection_providerId_idx" ON "OrganizationProviderConnection" ("providerId");

CREATE TABLE "ProviderAgenda" (
    "providerId" text CONSTRAINT "ProviderAgenda_pkey" PRIMARY KEY
        CONSTRAINT "ProviderAgenda_providerId_fkey" REFERENCES "Provider" ("id") ON DELETE CASCADE,
    "version" bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);
COMMENT ON TABLE "ProviderAgenda" IS
    'one row per provider, locked by every writer of its timeline (availabilities, slots, bookings) before anything else';
COMMENT ON COLUMN "ProviderAgenda"."version" IS 'counts the changes of the timeline';

CREATE FUNCTION mb_open_agenda() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "ProviderAgenda" ("providerId") VALUES (NEW."id");
    RETURN NULL;
END
$$;
CREATE TRIGGER "Provider_agenda" AFTER INSERT ON "Provider"
    FOR EACH ROW EXECUTE FUNCTION mb_open_agenda();

GRANT SELECT ON "ProviderType", "Service", "_ProviderToService", "ProviderTypeAssignment",
    "ServiceAvailabilityConfig", "OrganizationProviderConnection" TO medbookd_report;

RESET ROLE;
