ALTER TABLE "Session" DROP COLUMN "lastSeenAt", DROP COLUMN "ipAddress", DROP COLUMN "userAgent";
COMMENT ON COLUMN "Session"."expiresAt" IS NULL;
DROP TRIGGER "User_email_is_verified" ON "User";
DROP FUNCTION mb_forget_verification();
ALTER TABLE "User" DROP COLUMN "pendingSince", DROP COLUMN "accountLockedUntil", DROP COLUMN "lockReason",
    DROP COLUMN "deletedAt";
