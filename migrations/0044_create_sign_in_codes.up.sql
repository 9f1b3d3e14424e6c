-- Whom a provider of OpenID Connect has just vouched for, for the minute until their page fetches the session.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "SignInCode" (
    "codeHash" text CONSTRAINT "SignInCode_pkey" PRIMARY KEY,
    "provider" text NOT NULL,
    "providerAccountId" text NOT NULL,
    "email" text NOT NULL,
    "name" text,
    "userId" text CONSTRAINT "SignInCode_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "expiresAt" timestamptz(3) NOT NULL,
    CONSTRAINT "SignInCode_codeHash_check" CHECK ("codeHash" ~ '^[0-9a-f]{64}$')
);
COMMENT ON COLUMN "SignInCode"."codeHash" IS 'SHA-256 of the code, which is stored nowhere; the row goes when it is used';
COMMENT ON COLUMN "SignInCode"."userId" IS 'the account that this is to be linked to; null: somebody signs in';

CREATE INDEX "SignInCode_userId_idx" ON "SignInCode" ("userId");
CREATE INDEX "SignInCode_expiresAt_idx" ON "SignInCode" ("expiresAt");

RESET ROLE;
