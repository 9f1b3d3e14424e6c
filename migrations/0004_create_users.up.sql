SET LOCAL ROLE medbookd_owner;

CREATE TABLE "User" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "User_pkey" PRIMARY KEY,
    "name" text,
    "email" text CONSTRAINT "User_email_key" UNIQUE,
    "emailVerified" timestamptz(3),
    "phone" text,
    "phoneVerified" timestamptz(3),
    "whatsapp" text,
    "whatsappVerified" timestamptz(3),
    "password" text,
    "image" text,
    "role" "UserRole" NOT NULL DEFAULT 'USER',
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "User_email_check" CHECK (position('@' IN "email") > 1)
);
COMMENT ON COLUMN "User"."password" IS 'Argon2id, as libsodium writes it; never leaves the database but for a sign-in';

CREATE UNIQUE INDEX "User_email_lower_key" ON "User" (lower("email"));
CREATE INDEX idx_users_role ON "User" ("role");

CREATE TABLE "Account" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Account_pkey" PRIMARY KEY,
    "userId" text NOT NULL
        CONSTRAINT "Account_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "type" text NOT NULL,
    "provider" text NOT NULL,
    "providerAccountId" text NOT NULL,
    "refresh_token" text,
    "access_token" text,
    "expires_at" integer,
    "token_type" text,
    "scope" text,
    "id_token" text,
    "session_state" text,
    CONSTRAINT "Account_provider_providerAccountId_key" UNIQUE ("provider", "providerAccountId")
);
COMMENT ON TABLE "Account" IS 'sign-in through another service (OAuth)';

CREATE INDEX "Account_userId_idx" ON "Account" ("userId");

CREATE TABLE "Session" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Session_pkey" PRIMARY KEY,
    "tokenHash" text NOT NULL CONSTRAINT "Session_tokenHash_key" UNIQUE,
    "userId" text NOT NULL
        CONSTRAINT "Session_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "expiresAt" timestamptz(3) NOT NULL,
    CONSTRAINT "Session_tokenHash_check" CHECK ("tokenHash" ~ '^[0-9a-f]{64}$'),
    CONSTRAINT "Session_expiresAt_check" CHECK ("expiresAt" > "createdAt")
);
COMMENT ON COLUMN "Session"."tokenHash" IS 'SHA-256 of the bearer token, which is stored nowhere';

CREATE INDEX "Session_userId_idx" ON "Session" ("userId");
CREATE INDEX "Session_expiresAt_idx" ON "Session" ("expiresAt");

RESET ROLE;
