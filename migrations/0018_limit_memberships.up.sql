-- What a membership is limited to. No row = everything; so a row goes with its membership only, never
-- with what it names: the last one to go would open the rest. NO ACTION, not RESTRICT, lets an
-- organization go with its memberships and locations in one statement.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "OrganizationMembership"
    ADD CONSTRAINT "OrganizationMembership_id_organizationId_key" UNIQUE ("id", "organizationId");
ALTER TABLE "Location" ADD CONSTRAINT "Location_id_organizationId_key" UNIQUE ("id", "organizationId");

CREATE TABLE "MembershipLocation" (
    "membershipId" text NOT NULL,
    "locationId" text NOT NULL,
    "organizationId" text NOT NULL,
    CONSTRAINT "MembershipLocation_pkey" PRIMARY KEY ("membershipId", "locationId"),
    CONSTRAINT "MembershipLocation_membershipId_fkey" FOREIGN KEY ("membershipId", "organizationId")
        REFERENCES "OrganizationMembership" ("id", "organizationId") ON DELETE CASCADE,
    CONSTRAINT "MembershipLocation_locationId_fkey" FOREIGN KEY ("locationId", "organizationId")
        REFERENCES "Location" ("id", "organizationId") ON DELETE NO ACTION
);
COMMENT ON TABLE "MembershipLocation" IS 'locations of its organization that a membership is limited to; none = all';

CREATE INDEX "MembershipLocation_locationId_idx" ON "MembershipLocation" ("locationId");

CREATE TABLE "MembershipProvider" (
    "membershipId" text NOT NULL,
    "providerId" text NOT NULL,
    "organizationId" text NOT NULL,
    CONSTRAINT "MembershipProvider_pkey" PRIMARY KEY ("membershipId", "providerId"),
    CONSTRAINT "MembershipProvider_membershipId_fkey" FOREIGN KEY ("membershipId", "organizationId")
        REFERENCES "OrganizationMembership" ("id", "organizationId") ON DELETE CASCADE,
    CONSTRAINT "MembershipProvider_providerId_fkey" FOREIGN KEY ("organizationId", "providerId")
        REFERENCES "OrganizationProviderConnection" ("organizationId", "providerId") ON DELETE NO ACTION
);
COMMENT ON TABLE "MembershipProvider" IS 'connected providers that a membership is limited to; none = all';

CREATE INDEX "MembershipProvider_organizationId_providerId_idx" ON "MembershipProvider" ("organizationId", "providerId");

RESET ROLE;
