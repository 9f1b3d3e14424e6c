SET LOCAL ROLE medbookd_owner;

CREATE TABLE "RequirementType" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "RequirementType_pkey" PRIMARY KEY,
    "name" text NOT NULL,
    "description" text,
    "isRequired" boolean NOT NULL DEFAULT true,
    "validationType" "RequirementValidationType" NOT NULL,
    "validationConfig" jsonb,
    "displayPriority" integer NOT NULL DEFAULT 0,
    "providerTypeId" text NOT NULL CONSTRAINT "RequirementType_providerTypeId_fkey"
        REFERENCES "ProviderType" ("id") ON DELETE RESTRICT
);
CREATE INDEX "RequirementType_providerTypeId_idx" ON "RequirementType" ("providerTypeId");

CREATE TABLE "RequirementSubmission" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "RequirementSubmission_pkey" PRIMARY KEY,
    "requirementTypeId" text NOT NULL CONSTRAINT "RequirementSubmission_requirementTypeId_fkey"
        REFERENCES "RequirementType" ("id") ON DELETE RESTRICT,
    "providerId" text NOT NULL CONSTRAINT "RequirementSubmission_providerId_fkey"
        REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "status" "RequirementsValidationStatus" NOT NULL DEFAULT 'PENDING',
    "documentMetadata" jsonb,
    "expiresAt" timestamptz(3),
    "notes" text,
    "validatedAt" timestamptz(3),
    "validatedById" text CONSTRAINT "RequirementSubmission_validatedById_fkey"
        REFERENCES "User" ("id") ON DELETE RESTRICT,
    CONSTRAINT "RequirementSubmission_requirementTypeId_providerId_key" UNIQUE ("requirementTypeId", "providerId")
);
COMMENT ON COLUMN "RequirementSubmission"."expiresAt" IS
    'of the last approved copy, which counts until a changed one is reviewed';

CREATE INDEX "RequirementSubmission_providerId_idx" ON "RequirementSubmission" ("providerId");
CREATE INDEX "RequirementSubmission_status_idx" ON "RequirementSubmission" ("status");

RESET ROLE;
