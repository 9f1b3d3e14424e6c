-- Signing in through a provider of OpenID Connect. `request` is that of R__accounts.sql.
SET LOCAL ROLE medbookd_owner;

-- Somebody else's account of that address has never been proved: with the address it goes to whom the provider vouches
-- for, without anything by which others could still get in.
CREATE OR REPLACE FUNCTION mb_take_over(account text, called text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    UPDATE "User" x
       SET "emailVerified" = date_trunc('milliseconds', mb_now()), "password" = NULL, "pendingSince" = NULL,
           "name" = CASE WHEN x."pendingSince" IS NULL THEN coalesce(x."name", called) ELSE called END
     WHERE x."id" = account;
    DELETE FROM "Session" s WHERE s."userId" = account;
    DELETE FROM "ApiKey" k WHERE k."userId" = account;
    DELETE FROM "Account" a WHERE a."userId" = account;
    DELETE FROM "EmailVerificationToken" t WHERE t."userId" = account AND t."usedAt" IS NULL;
    DELETE FROM "PasswordResetToken" t WHERE t."userId" = account AND t."usedAt" IS NULL;
END
$$;

-- code: the row of "SignInCode". The account of whom a provider vouches for: the linked one, else that of the address, else a new one. One that is
-- locked stays as it is.
CREATE OR REPLACE FUNCTION mb_account_of(code jsonb, request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u "User"%ROWTYPE;
    account text;
    action text;
BEGIN
    LOOP
        SELECT a."userId" INTO account
          FROM "Account" a
         WHERE a."provider" = code ->> 'provider' AND a."providerAccountId" = code ->> 'providerAccountId';
        IF FOUND THEN
            RETURN account;
        END IF;
        BEGIN
            SELECT * INTO u FROM "User" x WHERE lower(x."email") = lower(code ->> 'email') FOR NO KEY UPDATE;
            IF u."accountLockedUntil" > at THEN
                RETURN u."id";
            ELSIF u."id" IS NULL THEN
                INSERT INTO "User" ("name", "email", "emailVerified", "createdAt", "updatedAt")
                VALUES (code ->> 'name', code ->> 'email', at, at, at)
                RETURNING * INTO u;
                action := 'USER_REGISTERED';
            ELSIF u."emailVerified" IS NULL THEN
                PERFORM mb_take_over(u."id", code ->> 'name');
                action := 'ACCOUNT_TAKEN_OVER';
            ELSE
                action := 'ACCOUNT_LINKED';
            END IF;
            INSERT INTO "Account" ("userId", "type", "provider", "providerAccountId")
            VALUES (u."id", 'oidc', code ->> 'provider', code ->> 'providerAccountId');
            PERFORM mb_note_account(request, action, 'SECURITY', u."id", u."id", code ->> 'email',
                                    jsonb_build_object('provider', code ->> 'provider'));
            RETURN u."id";
        EXCEPTION WHEN unique_violation THEN -- somebody did the same this moment: it is there now
            NULL;
        END;
    END LOOP;
END
$$;

-- Links the provider's account to one that asked for it: the account, or null when another one has it.
CREATE OR REPLACE FUNCTION mb_link_account(code jsonb, request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    holder text;
BEGIN
    PERFORM FROM "User" x WHERE x."id" = code ->> 'userId' FOR NO KEY UPDATE;
    INSERT INTO "Account" ("userId", "type", "provider", "providerAccountId")
    VALUES (code ->> 'userId', 'oidc', code ->> 'provider', code ->> 'providerAccountId')
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM mb_note_account(request, 'ACCOUNT_LINKED', 'SECURITY', code ->> 'userId', code ->> 'userId', code ->> 'email',
                                jsonb_build_object('provider', code ->> 'provider'));
        RETURN code ->> 'userId';
    END IF;
    SELECT a."userId" INTO holder
      FROM "Account" a
     WHERE a."provider" = code ->> 'provider' AND a."providerAccountId" = code ->> 'providerAccountId';
    RETURN CASE WHEN holder = code ->> 'userId' THEN holder END;
END
$$;

-- Uses a code up and begins a session. request: codeHash, and of the session tokenHash, idle, longest. invalid_sign_in: it
-- is none, or of somebody else's linking; account_linked: another account has what was to be linked; else as mb_sign_in.
CREATE OR REPLACE FUNCTION mb_exchange_code(request jsonb)
    RETURNS TABLE (outcome text, account text, "expiresAt" timestamptz)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    code "SignInCode"%ROWTYPE;
    u record;
BEGIN
    DELETE FROM "SignInCode" c WHERE c."codeHash" = request ->> 'codeHash' RETURNING * INTO code;
    IF code."expiresAt" IS NULL OR code."expiresAt" <= mb_now()
       OR code."userId" IS NOT NULL AND code."userId" IS DISTINCT FROM request ->> 'userId' THEN
        outcome := 'invalid_sign_in';
        RETURN NEXT;
        RETURN;
    END IF;
    account := CASE WHEN code."userId" IS NULL THEN mb_account_of(to_jsonb(code), request)
                    ELSE mb_link_account(to_jsonb(code), request) END;
    IF account IS NULL THEN
        outcome := 'account_linked';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT x."password" INTO u FROM "User" x WHERE x."id" = account FOR SHARE;
    SELECT s.outcome, s."expiresAt" INTO outcome, "expiresAt"
      FROM mb_sign_in(request || jsonb_build_object('account', account, 'password', u."password",
                                                    'email', code."email")) s;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_exchange_code(jsonb) IS
    'begins the session of whom a provider vouched for: signed_in, unverified, locked, invalid_sign_in, account_linked';

-- request: account, id. unlinked, not_found, last_credential: nothing else would let its owner in.
CREATE OR REPLACE FUNCTION mb_unlink_account(request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    u record;
    gone "Account"%ROWTYPE;
BEGIN
    -- Of two who take the last two links at once, one finds the other gone.
    SELECT x."id", x."email", x."password" INTO u FROM "User" x WHERE x."id" = request ->> 'account' FOR NO KEY UPDATE;
    SELECT * INTO gone FROM "Account" a WHERE a."id" = request ->> 'id' AND a."userId" = u."id";
    IF gone."id" IS NULL THEN
        RETURN 'not_found';
    ELSIF u."password" IS NULL
          AND NOT EXISTS (SELECT FROM "Account" a WHERE a."userId" = u."id" AND a."id" <> gone."id") THEN
        RETURN 'last_credential';
    END IF;
    DELETE FROM "Account" a WHERE a."id" = gone."id";
    PERFORM mb_note_account(request, 'ACCOUNT_UNLINKED', 'SECURITY', u."id", u."id", u."email",
                            jsonb_build_object('provider', gone."provider"));
    RETURN 'unlinked';
END
$$;

RESET ROLE;
