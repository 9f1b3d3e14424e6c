-- The functions that change accounts: each a step of lua/workflows/accounts.lua in one round trip, with its audit row.
-- `request` holds what the step is about and who asks how (mb.caller): userId, address, agent, requestId.
SET LOCAL ROLE medbookd_owner;

CREATE OR REPLACE FUNCTION mb_mask_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT left(email, 1) || '***@' || split_part(email, '@', 2) $$;
COMMENT ON FUNCTION mb_mask_email(text) IS 'an address as the audit log keeps it: who is erased is not in it';

-- actor: who did it, null for somebody who is not signed in; account: the account that it is about, or null.
CREATE OR REPLACE FUNCTION mb_note_account(request jsonb, action text, category text, actor text, account text,
                                           email text, metadata jsonb)
    RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    INSERT INTO "AuditLog" ("userId", "userEmail", "action", "category", "resource", "resourceId", "ipAddress",
                            "userAgent", "requestId", "metadata", "createdAt")
    VALUES (actor, mb_mask_email(email), action, category::"AuditCategory", 'User', account, request ->> 'address',
            request ->> 'agent', request ->> 'requestId', metadata, mb_now());
END
$$;

-- ---- registration ----

-- request: email, name, password (a hash), tokenId, token (its SHA-256), validFor. known: a verified account has the
-- address, and nothing is changed. Two who register it at once queue for its row; the last is in force.
CREATE OR REPLACE FUNCTION mb_register(request jsonb) RETURNS TABLE (outcome text, account text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    address constant text := request ->> 'email';
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u "User"%ROWTYPE;
BEGIN
    LOOP
        SELECT * INTO u FROM "User" x WHERE lower(x."email") = lower(address) FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO "User" ("name", "email", "password", "pendingSince", "createdAt", "updatedAt")
        VALUES (request ->> 'name', address, request ->> 'password', at, at, at)
        ON CONFLICT DO NOTHING
        RETURNING * INTO u;
        EXIT WHEN FOUND;
    END LOOP;
    account := u."id";
    outcome := CASE WHEN u."emailVerified" IS NULL THEN 'registered' ELSE 'known' END;
    IF outcome = 'registered' THEN
        UPDATE "User" x
           SET "password" = request ->> 'password',
               "name" = CASE WHEN x."pendingSince" IS NULL THEN coalesce(x."name", request ->> 'name')
                             ELSE request ->> 'name' END,
               "pendingSince" = CASE WHEN x."pendingSince" IS NOT NULL THEN at END
         WHERE x."id" = account;
        DELETE FROM "EmailVerificationToken" t WHERE t."userId" = account AND NOT t."isChange" AND t."usedAt" IS NULL;
        INSERT INTO "EmailVerificationToken" ("id", "userId", "identifier", "token", "expires", "createdAt")
        VALUES (request ->> 'tokenId', account, u."email", request ->> 'token',
                at + (request ->> 'validFor')::interval, at);
    END IF;
    PERFORM mb_note_account(request, 'USER_REGISTERED', 'AUTHENTICATION', NULL, account, u."email",
                            jsonb_build_object('outcome', outcome));
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_register(jsonb) IS 'makes an account that waits for its address to be verified: registered, known';

-- The link again, for an account whose address waits for it: the one that is in the mails already, for as long again.
-- request: email, tokenId, token, validFor. The account; null: none waits.
CREATE OR REPLACE FUNCTION mb_link_again(request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    until constant timestamptz := at + (request ->> 'validFor')::interval;
    u record;
    link text;
BEGIN
    SELECT x."id", x."email", x."emailVerified" INTO u
      FROM "User" x WHERE lower(x."email") = lower(request ->> 'email') FOR NO KEY UPDATE;
    IF u."id" IS NOT NULL AND u."emailVerified" IS NULL THEN
        UPDATE "EmailVerificationToken" t SET "expires" = until
         WHERE t."userId" = u."id" AND NOT t."isChange" AND t."usedAt" IS NULL AND t."identifier" = u."email"
           AND t."expires" > at
        RETURNING t."id" INTO link;
        IF link IS NULL THEN
            INSERT INTO "EmailVerificationToken" ("id", "userId", "identifier", "token", "expires", "createdAt")
            VALUES (request ->> 'tokenId', u."id", u."email", request ->> 'token', until, at)
            RETURNING "id" INTO link;
        END IF;
    END IF;
    PERFORM mb_note_account(request, 'VERIFICATION_REQUESTED', 'AUTHENTICATION', NULL, u."id", request ->> 'email', NULL);
    RETURN CASE WHEN link IS NOT NULL THEN u."id" END;
END
$$;

-- Accounts that have waited so long for their address to be verified go, a number at most, which is returned. One that
-- somebody refers to stays, and waits no longer.
CREATE OR REPLACE FUNCTION mb_drop_pending(most integer, after interval) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    account text;
    n integer := 0;
BEGIN
    FOR account IN
        SELECT x."id" FROM "User" x WHERE x."pendingSince" <= mb_now() - after
         ORDER BY x."pendingSince" LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        n := n + 1;
        BEGIN
            DELETE FROM "User" x
             WHERE x."id" = account AND NOT EXISTS (SELECT FROM "Account" a WHERE a."userId" = account)
               AND NOT EXISTS (SELECT FROM "OrganizationMembership" m WHERE m."userId" = account);
        EXCEPTION WHEN foreign_key_violation THEN
            NULL;
        END;
        UPDATE "User" x SET "pendingSince" = NULL WHERE x."id" = account;
    END LOOP;
    RETURN n;
END
$$;

-- Another account that only waits gives the address up, unless something refers to it.
CREATE OR REPLACE FUNCTION mb_clear_address(address text, account text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    DELETE FROM "User" x
     WHERE lower(x."email") = lower(address) AND x."id" <> account AND x."pendingSince" IS NOT NULL
       AND NOT EXISTS (SELECT FROM "Account" a WHERE a."userId" = x."id")
       AND NOT EXISTS (SELECT FROM "OrganizationMembership" m WHERE m."userId" = x."id");
    RETURN NOT EXISTS (SELECT FROM "User" x WHERE lower(x."email") = lower(address) AND x."id" <> account);
EXCEPTION WHEN foreign_key_violation THEN
    RETURN false;
END
$$;

-- request: token (its SHA-256), password: the hash that the password sent was compared with, left out where the account
-- has none. Of several who use a token at once one verifies.
CREATE OR REPLACE FUNCTION mb_verify_email(request jsonb) RETURNS TABLE (outcome text, account text, link text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    t "EmailVerificationToken"%ROWTYPE;
    u "User"%ROWTYPE;
BEGIN
    SELECT * INTO t FROM "EmailVerificationToken" x WHERE x."token" = request ->> 'token';
    SELECT * INTO u FROM "User" x WHERE x."id" = t."userId" FOR NO KEY UPDATE;
    SELECT * INTO t FROM "EmailVerificationToken" x WHERE x."token" = request ->> 'token'; -- as it is with the lock
    outcome := CASE WHEN t."id" IS NULL THEN 'invalid_token'
                    WHEN t."usedAt" IS NOT NULL THEN 'token_used'
                    WHEN t."expires" <= at OR u."password" IS DISTINCT FROM request ->> 'password'
                         OR NOT t."isChange" AND lower(t."identifier") IS DISTINCT FROM lower(u."email")
                        THEN 'invalid_token'
                    WHEN t."isChange" AND NOT mb_clear_address(t."identifier", u."id") THEN 'invalid_token'
                    WHEN t."isChange" THEN 'changed'
                    ELSE 'verified' END;
    account := u."id";
    link := t."id";
    IF outcome IN ('verified', 'changed') THEN
        UPDATE "User" x SET "email" = t."identifier", "emailVerified" = at, "pendingSince" = NULL WHERE x."id" = u."id";
        UPDATE "EmailVerificationToken" x
           SET "usedAt" = at, "previousEmail" = CASE WHEN t."isChange" THEN u."email" END
         WHERE x."id" = t."id";
        IF outcome = 'verified' THEN -- nobody else's who had the account before
            DELETE FROM "Session" s WHERE s."userId" = u."id";
        ELSE -- the mails that went to the old address
            DELETE FROM "PasswordResetToken" r WHERE r."userId" = u."id" AND r."usedAt" IS NULL;
        END IF;
        PERFORM mb_note_account(request, CASE outcome WHEN 'verified' THEN 'EMAIL_VERIFIED' ELSE 'EMAIL_CHANGED' END,
                                'SECURITY', u."id", u."id", t."identifier", NULL);
    END IF;
    RETURN NEXT;
EXCEPTION WHEN unique_violation THEN -- somebody took the address this moment
    outcome := 'invalid_token';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_verify_email(jsonb) IS 'uses a link up: verified, changed, invalid_token, token_used';

-- ---- passwords ----

-- request: email, tokenId, token, validFor. The account, or null where none has the address.
CREATE OR REPLACE FUNCTION mb_forgot_password(request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    until constant timestamptz := at + (request ->> 'validFor')::interval;
    u record;
    link text;
BEGIN
    SELECT x."id", x."email" INTO u FROM "User" x WHERE lower(x."email") = lower(request ->> 'email') FOR NO KEY UPDATE;
    IF u."id" IS NOT NULL THEN
        UPDATE "PasswordResetToken" t SET "expires" = until
         WHERE t."userId" = u."id" AND t."usedAt" IS NULL AND t."expires" > at
        RETURNING t."id" INTO link;
        IF link IS NULL THEN
            INSERT INTO "PasswordResetToken" ("id", "userId", "token", "expires", "createdAt")
            VALUES (request ->> 'tokenId', u."id", request ->> 'token', until, at)
            RETURNING "id" INTO link;
        END IF;
    END IF;
    PERFORM mb_note_account(request, 'PASSWORD_RESET_REQUESTED', 'SECURITY', NULL, u."id", request ->> 'email', NULL);
    RETURN u."id";
END
$$;

-- request: token (its SHA-256), password (the new hash). Who could read the mail has the address.
CREATE OR REPLACE FUNCTION mb_reset_password(request jsonb) RETURNS TABLE (outcome text, account text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    t "PasswordResetToken"%ROWTYPE;
    u "User"%ROWTYPE;
BEGIN
    SELECT * INTO t FROM "PasswordResetToken" x WHERE x."token" = request ->> 'token';
    SELECT * INTO u FROM "User" x WHERE x."id" = t."userId" FOR NO KEY UPDATE;
    SELECT * INTO t FROM "PasswordResetToken" x WHERE x."token" = request ->> 'token';
    outcome := CASE WHEN t."id" IS NULL THEN 'invalid_token'
                    WHEN t."usedAt" IS NOT NULL THEN 'token_used'
                    WHEN t."expires" <= at THEN 'invalid_token'
                    ELSE 'reset' END;
    account := u."id";
    IF outcome = 'reset' THEN
        UPDATE "User" x
           SET "password" = request ->> 'password', "emailVerified" = coalesce(x."emailVerified", at),
               "pendingSince" = NULL
         WHERE x."id" = u."id";
        UPDATE "PasswordResetToken" x SET "usedAt" = at WHERE x."id" = t."id";
        DELETE FROM "EmailVerificationToken" x WHERE x."userId" = u."id" AND x."usedAt" IS NULL;
        DELETE FROM "Session" s WHERE s."userId" = u."id";
        PERFORM mb_note_account(request, 'PASSWORD_RESET', 'SECURITY', u."id", u."id", u."email", NULL);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_reset_password(jsonb) IS 'sets a new password by a link: reset, invalid_token, token_used';

-- ---- one's own account ----

-- A merge patch. request: account, version, given. Numbers that change are not verified any more. False: the account has
-- another version.
CREATE OR REPLACE FUNCTION mb_change_account(request jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    u record;
BEGIN
    UPDATE "User" x
       SET "name" = CASE WHEN given ? 'name' THEN given ->> 'name' ELSE x."name" END,
           "phone" = CASE WHEN given ? 'phone' THEN given ->> 'phone' ELSE x."phone" END,
           "phoneVerified" = CASE WHEN given ? 'phone' AND given ->> 'phone' IS DISTINCT FROM x."phone" THEN NULL
                                  ELSE x."phoneVerified" END,
           "whatsapp" = CASE WHEN given ? 'whatsapp' THEN given ->> 'whatsapp' ELSE x."whatsapp" END,
           "whatsappVerified" = CASE WHEN given ? 'whatsapp' AND given ->> 'whatsapp' IS DISTINCT FROM x."whatsapp"
                                     THEN NULL ELSE x."whatsappVerified" END
     WHERE x."id" = request ->> 'account' AND x."version" = (request ->> 'version')::integer
    RETURNING x."id", x."email" INTO u;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM mb_note_account(request, 'USER_CHANGED', 'DATA_MODIFICATION', u."id", u."id", u."email",
                            jsonb_build_object('fields', (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(given) k)));
    RETURN true;
END
$$;

-- request: account, password (the hash that was proved, left out where there is none), newPassword, session: the one
-- that stays. False: the password has become another meanwhile.
CREATE OR REPLACE FUNCTION mb_change_password(request jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    u record;
BEGIN
    UPDATE "User" x SET "password" = request ->> 'newPassword'
     WHERE x."id" = request ->> 'account' AND x."password" IS NOT DISTINCT FROM request ->> 'password'
    RETURNING x."id", x."email" INTO u;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM "Session" s WHERE s."userId" = u."id" AND s."id" <> request ->> 'session';
    DELETE FROM "PasswordResetToken" t WHERE t."userId" = u."id" AND t."usedAt" IS NULL;
    PERFORM mb_note_account(request, 'PASSWORD_CHANGED', 'SECURITY', u."id", u."id", u."email", NULL);
    RETURN true;
END
$$;

-- The new address waits with its link. request: account, password (as above), email, tokenId, token, validFor. sent;
-- taken, by `holder`, whom the address belongs to; changed: the password has become another meanwhile.
CREATE OR REPLACE FUNCTION mb_change_email(request jsonb) RETURNS TABLE (outcome text, holder text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u "User"%ROWTYPE;
BEGIN
    SELECT * INTO u FROM "User" x WHERE x."id" = request ->> 'account' FOR NO KEY UPDATE;
    SELECT x."id" INTO holder
      FROM "User" x
     WHERE lower(x."email") = lower(request ->> 'email') AND x."id" <> u."id" AND x."pendingSince" IS NULL;
    outcome := CASE WHEN u."id" IS NULL OR u."password" IS DISTINCT FROM request ->> 'password' THEN 'changed'
                    WHEN holder IS NOT NULL THEN 'taken'
                    ELSE 'sent' END;
    IF outcome <> 'changed' THEN
        DELETE FROM "EmailVerificationToken" t WHERE t."userId" = u."id" AND t."isChange" AND t."usedAt" IS NULL;
        IF outcome = 'sent' THEN
            INSERT INTO "EmailVerificationToken" ("id", "userId", "identifier", "token", "isChange", "expires",
                                                  "createdAt")
            VALUES (request ->> 'tokenId', u."id", request ->> 'email', request ->> 'token', true,
                    at + (request ->> 'validFor')::interval, at);
        END IF;
        PERFORM mb_note_account(request, 'EMAIL_CHANGE_REQUESTED', 'SECURITY', u."id", u."id", request ->> 'email', NULL);
    END IF;
    RETURN NEXT;
END
$$;

-- One more code of each of these: [{ key, most }]. Null: all of them are counted; else when the first that has as many as
-- it may begins anew, and those before it are counted all the same: the caller has to roll back.
CREATE OR REPLACE FUNCTION mb_count_codes(counts jsonb, at timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    it record;
BEGIN
    -- In one order, so that no two wait for each other.
    FOR it IN SELECT x."key", x."most" FROM jsonb_to_recordset(counts) AS x("key" text, "most" integer) ORDER BY 1 LOOP
        INSERT INTO "ContactCodeCount" AS c ("key", "count", "until") VALUES (it."key", 1, at + interval '1 day')
        ON CONFLICT ("key") DO UPDATE
           SET "count" = CASE WHEN c."until" <= at THEN 1 ELSE c."count" + 1 END,
               "until" = CASE WHEN c."until" <= at THEN EXCLUDED."until" ELSE c."until" END
         WHERE c."until" <= at OR c."count" < it."most";
        IF NOT FOUND THEN
            RETURN (SELECT c."until" FROM "ContactCodeCount" c WHERE c."key" = it."key");
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

-- A number waits for its code; one that waited before does no more. request: account, kind (phone, whatsapp), number,
-- codeId, validFor, counts (as above). "wait": in so many seconds another code may be sent, and the caller has to roll
-- back; null: it waits.
CREATE OR REPLACE FUNCTION mb_ask_for_code(request jsonb) RETURNS TABLE (wait integer)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u record;
BEGIN
    SELECT x."id", x."email" INTO u FROM "User" x WHERE x."id" = request ->> 'account' FOR NO KEY UPDATE;
    wait := ceil(extract(epoch FROM mb_count_codes(request -> 'counts', at) - at));
    IF wait IS NULL THEN
        INSERT INTO "ContactCode" ("id", "userId", "kind", "number", "expires", "createdAt")
        VALUES (request ->> 'codeId', u."id", request ->> 'kind', request ->> 'number',
                at + (request ->> 'validFor')::interval, at)
        ON CONFLICT ("userId", "kind") DO UPDATE
           SET "id" = EXCLUDED."id", "number" = EXCLUDED."number", "tries" = 0, "expires" = EXCLUDED."expires",
               "createdAt" = EXCLUDED."createdAt";
        PERFORM mb_note_account(request, 'CONTACT_CODE_REQUESTED', 'SECURITY', u."id", u."id", u."email",
                                jsonb_build_object('kind', request ->> 'kind'));
    END IF;
    RETURN NEXT;
END
$$;

-- A try. Whether it is right was judged before it is counted, and is told by nothing but the outcome. request: account,
-- codeId, isRight. verified: the number is the account's; wrong; exhausted, for "wait" seconds.
CREATE OR REPLACE FUNCTION mb_try_code(request jsonb) RETURNS TABLE (outcome text, wait integer)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u record;
    c "ContactCode"%ROWTYPE;
BEGIN
    SELECT x."id", x."email" INTO u FROM "User" x WHERE x."id" = request ->> 'account' FOR NO KEY UPDATE;
    SELECT * INTO c FROM "ContactCode" x
     WHERE x."id" = request ->> 'codeId' AND x."userId" = u."id" AND x."expires" > at;
    outcome := CASE WHEN c."id" IS NULL THEN 'wrong'
                    WHEN c."tries" >= 5 THEN 'exhausted'
                    WHEN (request ->> 'isRight')::boolean THEN 'verified'
                    ELSE 'wrong' END;
    IF outcome = 'verified' THEN
        UPDATE "User" x
           SET "phone" = CASE c."kind" WHEN 'phone' THEN c."number" ELSE x."phone" END,
               "phoneVerified" = CASE c."kind" WHEN 'phone' THEN at ELSE x."phoneVerified" END,
               "whatsapp" = CASE c."kind" WHEN 'whatsapp' THEN c."number" ELSE x."whatsapp" END,
               "whatsappVerified" = CASE c."kind" WHEN 'whatsapp' THEN at ELSE x."whatsappVerified" END
         WHERE x."id" = u."id";
        DELETE FROM "ContactCode" x WHERE x."id" = c."id";
        PERFORM mb_note_account(request, 'CONTACT_VERIFIED', 'SECURITY', u."id", u."id", u."email",
                                jsonb_build_object('kind', c."kind"));
    ELSIF outcome = 'wrong' THEN
        UPDATE "ContactCode" x SET "tries" = x."tries" + 1 WHERE x."id" = c."id";
    ELSE
        wait := ceil(extract(epoch FROM c."expires" - at));
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_try_code(jsonb) IS 'proves a number by its code: verified, wrong, exhausted';

-- What keeps an account from going: its provider that is not given up, and organizations that would have no owner.
-- Locks those organizations, so that of two last owners one stays.
CREATE OR REPLACE FUNCTION mb_holders_of(account text) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM FROM "Organization" o
      WHERE o."id" IN (SELECT m."organizationId" FROM "OrganizationMembership" m
                        WHERE m."userId" = account AND m."role" = 'OWNER' AND m."status" = 'ACTIVE')
      ORDER BY o."id" FOR NO KEY UPDATE;
    RETURN (SELECT jsonb_agg(x ORDER BY x."kind", x."id") FROM (
        SELECT 'provider' AS "kind", p."id", p."name"
          FROM "Provider" p
         WHERE p."userId" = account AND p."status" NOT IN ('CANCELLED', 'REJECTED')
         UNION ALL
        SELECT 'organization', o."id", o."name"
          FROM "OrganizationMembership" m
          JOIN "Organization" o ON o."id" = m."organizationId" AND o."status" NOT IN ('CANCELLED', 'REJECTED')
         WHERE m."userId" = account AND m."role" = 'OWNER' AND m."status" = 'ACTIVE'
           AND NOT EXISTS (SELECT FROM "OrganizationMembership" other
                            WHERE other."organizationId" = o."id" AND other."userId" <> account
                              AND other."role" = 'OWNER' AND other."status" = 'ACTIVE')) x);
END
$$;

-- Whether another one could still do what the last SUPER_ADMIN can. Locks all of them, so that two do not go at once.
CREATE OR REPLACE FUNCTION mb_is_last_super_admin(account text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM FROM "User" x WHERE x."role" = 'SUPER_ADMIN' ORDER BY x."id" FOR NO KEY UPDATE;
    RETURN EXISTS (SELECT FROM "User" x WHERE x."id" = account AND x."role" = 'SUPER_ADMIN')
       AND NOT EXISTS (SELECT FROM "User" x
                        WHERE x."role" = 'SUPER_ADMIN' AND x."id" <> account
                          AND (x."accountLockedUntil" IS NULL OR x."accountLockedUntil" <= mb_now()));
END
$$;

-- The person goes; rows that others refer to stay, without them. request: account, password (as above).
CREATE OR REPLACE FUNCTION mb_delete_account(request jsonb) RETURNS TABLE (outcome text, holders jsonb)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    gone constant text := request ->> 'account';
    is_last constant boolean := mb_is_last_super_admin(gone);
    u "User"%ROWTYPE;
BEGIN
    SELECT * INTO u FROM "User" x WHERE x."id" = gone FOR NO KEY UPDATE;
    holders := mb_holders_of(gone);
    outcome := CASE WHEN u."id" IS NULL OR u."password" IS DISTINCT FROM request ->> 'password' THEN 'changed'
                    WHEN is_last THEN 'last_super_admin'
                    WHEN holders IS NOT NULL THEN 'account_in_use'
                    ELSE 'deleted' END;
    IF outcome = 'deleted' THEN
        PERFORM mb_note_account(request, 'USER_DELETED', 'SECURITY', gone, gone, u."email", NULL);
        UPDATE "User" x
           SET "name" = NULL, "email" = NULL, "emailVerified" = NULL, "phone" = NULL, "phoneVerified" = NULL,
               "whatsapp" = NULL, "whatsappVerified" = NULL, "password" = NULL, "image" = NULL, "role" = 'USER',
               "pendingSince" = NULL, "deletedAt" = mb_now()
         WHERE x."id" = gone;
        UPDATE "Provider" p
           SET "name" = 'Former provider', "bio" = NULL, "image" = '', "website" = NULL, "email" = DEFAULT,
               "whatsapp" = DEFAULT
         WHERE p."userId" = gone;
        UPDATE "OrganizationMembership" m SET "status" = 'INACTIVE' WHERE m."userId" = gone;
        DELETE FROM "Account" x WHERE x."userId" = gone;
        DELETE FROM "Session" x WHERE x."userId" = gone;
        DELETE FROM "ApiKey" x WHERE x."userId" = gone;
        DELETE FROM "EmailVerificationToken" x WHERE x."userId" = gone;
        DELETE FROM "PasswordResetToken" x WHERE x."userId" = gone;
        DELETE FROM "LoginAttempt" x WHERE x."userId" = gone OR x."email" = lower(u."email");
        DELETE FROM "ContactCode" x WHERE x."userId" = gone;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_delete_account(jsonb) IS 'takes a person out: deleted, account_in_use, last_super_admin, changed';

-- Sessions of whoever asks go: that of `session`, or without it all but `kept`. request: userId, and one of these. How
-- many there were.
CREATE OR REPLACE FUNCTION mb_revoke_sessions(request jsonb) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    n integer;
BEGIN
    DELETE FROM "Session" s
     WHERE s."userId" = request ->> 'userId'
       AND CASE WHEN request ? 'session' THEN s."id" = request ->> 'session' ELSE s."id" <> request ->> 'kept' END;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n > 0 THEN
        PERFORM mb_note_account(request, 'SESSIONS_REVOKED', 'AUTHENTICATION', request ->> 'userId',
                                request ->> 'userId', NULL, jsonb_build_object('count', n));
    END IF;
    RETURN n;
END
$$;

-- request: account, name, prefix, tokenHash, permissions, expiresAt or left out.
CREATE OR REPLACE FUNCTION mb_create_api_key(request jsonb)
    RETURNS TABLE ("id" text, "createdAt" timestamptz, "expiresAt" timestamptz)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
BEGIN
    INSERT INTO "ApiKey" AS k ("userId", "name", "prefix", "tokenHash", "permissions", "createdAt", "expiresAt")
    SELECT request ->> 'account', request ->> 'name', request ->> 'prefix', request ->> 'tokenHash',
           ARRAY(SELECT jsonb_array_elements_text(request -> 'permissions')), at,
           (request ->> 'expiresAt')::timestamptz
    RETURNING k."id", k."createdAt", k."expiresAt" INTO "id", "createdAt", "expiresAt";
    PERFORM mb_note_account(request, 'API_KEY_CREATED', 'SECURITY', request ->> 'account', request ->> 'account', NULL,
                            jsonb_build_object('key', "id", 'permissions', request -> 'permissions'));
    RETURN NEXT;
END
$$;

-- request: key, and userId, whose it is. Whether it was there.
CREATE OR REPLACE FUNCTION mb_revoke_api_key(request jsonb) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    DELETE FROM "ApiKey" k WHERE k."id" = request ->> 'key' AND k."userId" = request ->> 'userId';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM mb_note_account(request, 'API_KEY_REVOKED', 'SECURITY', request ->> 'userId', request ->> 'userId', NULL,
                            jsonb_build_object('key', request ->> 'key'));
    RETURN true;
END
$$;

-- ---- administrators ----

-- What one account does with another: request has account, version (left out: any), action: role, with role; lock, with
-- reason; unlock. ADMIN acts on USERs and gives no roles, SUPER_ADMIN on all, nobody on themselves. All who administer
-- are locked first, so that of two who unmake each other at once one is the first: done, not_found, not_allowed,
-- version_mismatch, last_super_admin.
CREATE OR REPLACE FUNCTION mb_administer(request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    target constant text := request ->> 'account';
    actor constant text := request ->> 'userId';
    action constant text := request ->> 'action';
    is_last constant boolean := mb_is_last_super_admin(target);
    by_role text;
    u "User"%ROWTYPE;
BEGIN
    SELECT * INTO u FROM "User" x WHERE x."id" = target AND x."deletedAt" IS NULL FOR NO KEY UPDATE;
    SELECT x."role" INTO by_role
      FROM "User" x
     WHERE x."id" = actor AND (x."accountLockedUntil" IS NULL OR x."accountLockedUntil" <= mb_now());
    IF u."id" IS NULL THEN
        RETURN 'not_found';
    ELSIF target = actor AND is_last AND action <> 'unlock' THEN
        RETURN 'last_super_admin';
    ELSIF target = actor OR NOT coalesce(by_role = 'SUPER_ADMIN'
                                         OR by_role = 'ADMIN' AND u."role" = 'USER' AND action <> 'role', false) THEN
        RETURN 'not_allowed';
    ELSIF u."version" <> (request ->> 'version')::integer THEN
        RETURN 'version_mismatch';
    ELSIF is_last AND (action = 'lock' OR action = 'role' AND request ->> 'role' <> 'SUPER_ADMIN') THEN
        RETURN 'last_super_admin';
    END IF;
    UPDATE "User" x
       SET "role" = CASE WHEN action = 'role' THEN (request ->> 'role')::"UserRole" ELSE x."role" END,
           "accountLockedUntil" = CASE action WHEN 'lock' THEN 'infinity' WHEN 'unlock' THEN NULL
                                              ELSE x."accountLockedUntil" END,
           "lockReason" = CASE action WHEN 'lock' THEN request ->> 'reason' WHEN 'unlock' THEN NULL
                                      ELSE x."lockReason" END
     WHERE x."id" = target;
    IF action <> 'unlock' THEN
        DELETE FROM "Session" s WHERE s."userId" = target;
    END IF;
    PERFORM mb_note_account(request, CASE action WHEN 'role' THEN 'USER_ROLE_CHANGED' WHEN 'lock' THEN 'USER_LOCKED'
                                                 ELSE 'USER_UNLOCKED' END,
                            'ADMIN_ACTION', actor, target, u."email",
                            CASE action WHEN 'role' THEN jsonb_build_object('from', u."role", 'to', request ->> 'role')
                                        WHEN 'lock' THEN jsonb_build_object('reason', request ->> 'reason') END);
    RETURN 'done';
END
$$;

-- request: email, name, password (a hash). The account, or null where the address is taken.
CREATE OR REPLACE FUNCTION mb_create_super_admin(request jsonb) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    made text;
BEGIN
    IF NOT mb_clear_address(request ->> 'email', '') THEN
        RETURN NULL;
    END IF;
    INSERT INTO "User" ("name", "email", "emailVerified", "password", "role", "createdAt", "updatedAt")
    VALUES (request ->> 'name', request ->> 'email', at, request ->> 'password', 'SUPER_ADMIN', at, at)
    ON CONFLICT DO NOTHING
    RETURNING "id" INTO made;
    IF made IS NOT NULL THEN
        PERFORM mb_note_account(request, 'SUPER_ADMIN_CREATED', 'ADMIN_ACTION', NULL, made, request ->> 'email', NULL);
    END IF;
    RETURN made;
END
$$;

-- ---- signing in ----

-- After the password was found right. request: account, password (the hash that it was compared with), tokenHash, idle,
-- longest, email as it was typed. unverified, locked: no session; changed: the password has just become another.
CREATE OR REPLACE FUNCTION mb_sign_in(request jsonb) RETURNS TABLE (outcome text, "expiresAt" timestamptz)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    u record;
BEGIN
    -- Whoever locks the account, or changes its password, waits, and then finds the session.
    SELECT x."id", x."email", x."emailVerified", x."password", x."accountLockedUntil" INTO u
      FROM "User" x WHERE x."id" = request ->> 'account' FOR SHARE;
    outcome := CASE WHEN u."password" IS DISTINCT FROM request ->> 'password' THEN 'changed'
                    WHEN u."emailVerified" IS NULL THEN 'unverified'
                    WHEN u."accountLockedUntil" > at THEN 'locked'
                    ELSE 'signed_in' END;
    IF outcome = 'signed_in' THEN
        "expiresAt" := at + least((request ->> 'idle')::interval, (request ->> 'longest')::interval);
        INSERT INTO "Session" ("userId", "tokenHash", "createdAt", "lastSeenAt", "expiresAt", "ipAddress", "userAgent")
        VALUES (u."id", request ->> 'tokenHash', at, at, "expiresAt", request ->> 'address', request ->> 'agent');
        PERFORM mb_note_account(request, 'SIGNED_IN', 'AUTHENTICATION', u."id", u."id", u."email", NULL);
    END IF;
    IF outcome = 'changed' THEN -- whoever asks looks again
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO "LoginAttempt" ("userId", "email", "ipAddress", "userAgent", "success", "failureReason", "createdAt")
    VALUES (u."id", lower(request ->> 'email'), request ->> 'address', request ->> 'agent', outcome = 'signed_in',
            nullif(outcome, 'signed_in'), at);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_sign_in(jsonb) IS 'begins a session: signed_in, unverified, locked, changed';

RESET ROLE;
