-- What accounts and sessions need to know of themselves.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "User"
    ADD COLUMN "pendingSince" timestamptz(3),
    ADD COLUMN "accountLockedUntil" timestamptz(3),
    ADD COLUMN "lockReason" text,
    ADD COLUMN "deletedAt" timestamptz(3);
COMMENT ON COLUMN "User"."pendingSince" IS
    'when somebody registered with an address that nobody has verified yet; null for all other accounts';
COMMENT ON COLUMN "User"."accountLockedUntil" IS 'nobody signs in before that; infinity: until it is unlocked';
COMMENT ON COLUMN "User"."deletedAt" IS 'the account is gone; what others refer to stays, without the person';

CREATE INDEX "User_pendingSince_idx" ON "User" ("pendingSince") WHERE "pendingSince" IS NOT NULL;

-- An address that changes without being verified in the same change is not the one that was verified.
CREATE FUNCTION mb_forget_verification() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW."emailVerified" IS NOT DISTINCT FROM OLD."emailVerified" THEN
        NEW."emailVerified" := NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER "User_email_is_verified" BEFORE UPDATE ON "User"
    FOR EACH ROW WHEN (lower(NEW."email") IS DISTINCT FROM lower(OLD."email"))
    EXECUTE FUNCTION mb_forget_verification();

ALTER TABLE "Session"
    ADD COLUMN "lastSeenAt" timestamptz(3) NOT NULL DEFAULT now(),
    ADD COLUMN "ipAddress" text,
    ADD COLUMN "userAgent" text;
COMMENT ON COLUMN "Session"."lastSeenAt" IS 'minutes old at most: written when it is five minutes old';
COMMENT ON COLUMN "Session"."expiresAt" IS 'moves on while the session is used, to its greatest age at most';

RESET ROLE;
