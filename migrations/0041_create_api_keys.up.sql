-- Keys by which programs act for a user, within what they were given. Of a key only its SHA-256 is stored.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "ApiKey" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ApiKey_pkey" PRIMARY KEY,
    "userId" text NOT NULL
        CONSTRAINT "ApiKey_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "name" text NOT NULL,
    "prefix" text NOT NULL,
    "tokenHash" text NOT NULL CONSTRAINT "ApiKey_tokenHash_key" UNIQUE,
    "permissions" text[] NOT NULL DEFAULT '{}',
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "lastUsedAt" timestamptz(3),
    "expiresAt" timestamptz(3),
    CONSTRAINT "ApiKey_tokenHash_check" CHECK ("tokenHash" ~ '^[0-9a-f]{64}$')
);
COMMENT ON COLUMN "ApiKey"."prefix" IS 'how the key begins, for its owner to know it by';
COMMENT ON COLUMN "ApiKey"."permissions" IS 'names of rules, as bookings.view: of what its owner may, no more than this';
COMMENT ON COLUMN "ApiKey"."lastUsedAt" IS 'minutes old at most: written when it is five minutes old';

CREATE INDEX "ApiKey_userId_idx" ON "ApiKey" ("userId");

RESET ROLE;
