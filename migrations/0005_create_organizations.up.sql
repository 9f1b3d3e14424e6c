SET LOCAL ROLE medbookd_owner;

CREATE TABLE "Organization" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Organization_pkey" PRIMARY KEY,
    "name" text NOT NULL,
    "description" text,
    "email" text,
    "phone" text,
    "website" text,
    "logo" text,
    "status" "OrganizationStatus" NOT NULL DEFAULT 'PENDING_APPROVAL',
    "approvedById" text
        CONSTRAINT "Organization_approvedById_fkey" REFERENCES "User" ("id") ON DELETE RESTRICT,
    "approvedAt" timestamptz(3),
    "rejectedAt" timestamptz(3),
    "rejectionReason" text,
    "billingModel" "OrganizationBillingModel" NOT NULL DEFAULT 'CONSOLIDATED',
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE "OrganizationMembership" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "OrganizationMembership_pkey" PRIMARY KEY,
    "organizationId" text NOT NULL CONSTRAINT "OrganizationMembership_organizationId_fkey"
        REFERENCES "Organization" ("id") ON DELETE CASCADE,
    "userId" text NOT NULL
        CONSTRAINT "OrganizationMembership_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "role" "OrganizationRole" NOT NULL,
    "permissions" "OrganizationPermission"[] NOT NULL DEFAULT '{}',
    "status" "MembershipStatus" NOT NULL DEFAULT 'ACTIVE',
    CONSTRAINT "OrganizationMembership_organizationId_userId_key" UNIQUE ("organizationId", "userId")
);
COMMENT ON COLUMN "OrganizationMembership"."permissions" IS 'granted beyond what the role has';

CREATE INDEX idx_org_membership_user ON "OrganizationMembership" ("userId");

CREATE TABLE "OrganizationInvitation" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "OrganizationInvitation_pkey" PRIMARY KEY,
    "organizationId" text NOT NULL CONSTRAINT "OrganizationInvitation_organizationId_fkey"
        REFERENCES "Organization" ("id") ON DELETE CASCADE,
    "email" text NOT NULL,
    "role" "OrganizationRole" NOT NULL,
    "permissions" "OrganizationPermission"[] NOT NULL DEFAULT '{}',
    "token" text NOT NULL CONSTRAINT "OrganizationInvitation_token_key" UNIQUE,
    "expiresAt" timestamptz(3) NOT NULL,
    "invitedById" text NOT NULL CONSTRAINT "OrganizationInvitation_invitedById_fkey"
        REFERENCES "User" ("id") ON DELETE RESTRICT,
    "status" "InvitationStatus" NOT NULL DEFAULT 'PENDING',
    "acceptedAt" timestamptz(3),
    "membershipId" text CONSTRAINT "OrganizationInvitation_membershipId_key" UNIQUE
        CONSTRAINT "OrganizationInvitation_membershipId_fkey"
        REFERENCES "OrganizationMembership" ("id") ON DELETE RESTRICT,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "OrganizationInvitation_email_check" CHECK (position('@' IN "email") > 1)
);
COMMENT ON COLUMN "OrganizationInvitation"."token" IS 'SHA-256 of the token in the mail';

-- One open invitation per address and organization; also finds those of an organization.
CREATE UNIQUE INDEX "OrganizationInvitation_organizationId_email_pending_key"
    ON "OrganizationInvitation" ("organizationId", lower("email")) WHERE "status" = 'PENDING';
CREATE INDEX "OrganizationInvitation_email_idx" ON "OrganizationInvitation" (lower("email"));

CREATE TABLE "Location" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Location_pkey" PRIMARY KEY,
    "organizationId" text NOT NULL CONSTRAINT "Location_organizationId_fkey"
        REFERENCES "Organization" ("id") ON DELETE CASCADE,
    "name" text NOT NULL,
    "googlePlaceId" text NOT NULL CONSTRAINT "Location_googlePlaceId_key" UNIQUE,
    "formattedAddress" text NOT NULL,
    "coordinates" jsonb NOT NULL,
    "searchTerms" text[] NOT NULL DEFAULT '{}',
    "phone" text,
    "email" text,
    CONSTRAINT "Location_coordinates_check" CHECK (
        jsonb_typeof("coordinates" -> 'lat') = 'number' AND jsonb_typeof("coordinates" -> 'lng') = 'number'
        AND ("coordinates" ->> 'lat')::numeric BETWEEN -90 AND 90
        AND ("coordinates" ->> 'lng')::numeric BETWEEN -180 AND 180)
);

CREATE INDEX "Location_organizationId_idx" ON "Location" ("organizationId");
CREATE INDEX "Location_searchTerms_idx" ON "Location" USING gin ("searchTerms");

GRANT SELECT ON "Location" TO medbookd_report;

RESET ROLE;
