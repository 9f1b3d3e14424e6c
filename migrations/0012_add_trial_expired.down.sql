-- An enum loses a value only by being made anew. Refused while a provider has it: what else such a
-- provider should be is not for a migration to say.
SET LOCAL ROLE medbookd_owner;

ALTER TYPE "ProviderStatus" RENAME TO "ProviderStatus_wide";
CREATE TYPE "ProviderStatus" AS ENUM (
    'PENDING_APPROVAL', 'REJECTED', 'APPROVED', 'TRIAL', 'ACTIVE', 'PAYMENT_OVERDUE', 'SUSPENDED',
    'CANCELLED'
);
ALTER TABLE "Provider"
    ALTER COLUMN "status" DROP DEFAULT,
    ALTER COLUMN "status" TYPE "ProviderStatus" USING "status"::text::"ProviderStatus",
    ALTER COLUMN "status" SET DEFAULT 'PENDING_APPROVAL';
DROP TYPE "ProviderStatus_wide";

RESET ROLE;
