-- What a link in a mail proves, and who tried to sign in. Of a token only its SHA-256 is here; the token itself is
-- made again from the row's id (lua/mb/mail_token.lua), so that no job and no backup holds one.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "EmailVerificationToken" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "EmailVerificationToken_pkey" PRIMARY KEY,
    "userId" text NOT NULL CONSTRAINT "EmailVerificationToken_userId_fkey"
        REFERENCES "User" ("id") ON DELETE CASCADE,
    "identifier" text NOT NULL,
    "token" text NOT NULL CONSTRAINT "EmailVerificationToken_token_key" UNIQUE,
    "isChange" boolean NOT NULL DEFAULT false,
    "previousEmail" text,
    "expires" timestamptz(3) NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "usedAt" timestamptz(3),
    CONSTRAINT "EmailVerificationToken_token_check" CHECK ("token" ~ '^[0-9a-f]{64}$')
);
COMMENT ON COLUMN "EmailVerificationToken"."identifier" IS 'the e-mail address that the mail goes to';
COMMENT ON COLUMN "EmailVerificationToken"."isChange" IS
    'the address is to take the place of the account''s own; false: it is the account''s own';
COMMENT ON COLUMN "EmailVerificationToken"."previousEmail" IS 'of a change that was made: the address before, to be told';

CREATE INDEX "EmailVerificationToken_userId_idx" ON "EmailVerificationToken" ("userId");
CREATE INDEX "EmailVerificationToken_expires_idx" ON "EmailVerificationToken" ("expires");

CREATE TABLE "PasswordResetToken" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "PasswordResetToken_pkey" PRIMARY KEY,
    "userId" text NOT NULL CONSTRAINT "PasswordResetToken_userId_fkey"
        REFERENCES "User" ("id") ON DELETE CASCADE,
    "token" text NOT NULL CONSTRAINT "PasswordResetToken_token_key" UNIQUE,
    "expires" timestamptz(3) NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "usedAt" timestamptz(3),
    CONSTRAINT "PasswordResetToken_token_check" CHECK ("token" ~ '^[0-9a-f]{64}$')
);

CREATE INDEX "PasswordResetToken_userId_idx" ON "PasswordResetToken" ("userId");
CREATE INDEX "PasswordResetToken_expires_idx" ON "PasswordResetToken" ("expires");

CREATE TABLE "LoginAttempt" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "LoginAttempt_pkey" PRIMARY KEY,
    "userId" text CONSTRAINT "LoginAttempt_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "email" text NOT NULL,
    "ipAddress" text,
    "userAgent" text,
    "success" boolean NOT NULL DEFAULT false,
    "failureReason" text,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "LoginAttempt_failureReason_check" CHECK ("success" = ("failureReason" IS NULL))
);
COMMENT ON COLUMN "LoginAttempt"."email" IS 'as it was typed, also where no account has it';

CREATE INDEX "LoginAttempt_email_createdAt_idx" ON "LoginAttempt" ("email", "createdAt");
CREATE INDEX "LoginAttempt_ipAddress_createdAt_idx" ON "LoginAttempt" ("ipAddress", "createdAt");
CREATE INDEX "LoginAttempt_userId_createdAt_idx" ON "LoginAttempt" ("userId", "createdAt");
CREATE INDEX "LoginAttempt_createdAt_idx" ON "LoginAttempt" ("createdAt");

RESET ROLE;
