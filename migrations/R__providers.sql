-- Providers as they and those who administer the platform see them. Repeatable: run again whenever this text changes,
-- so a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- The members stand in the order of lua/validation/answers.lua. No row: there is none.
CREATE OR REPLACE FUNCTION mb_provider_body(provider text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT row_to_json(x)::text
  FROM (SELECT p."id", p."name", p."bio", nullif(p."image", '') AS "image", p."languages"::text[] AS "languages",
               p."website", nullif(p."email", 'default@example.com') AS "email",
               nullif(p."whatsapp", '+1234567890') AS "whatsapp", p."showPrice", p."timeZone",
               p."reminderEnabled", p."reminderHours", p."reminderChannels", p."status", p."rejectionReason",
               mb_instant(p."approvedAt") AS "approvedAt", p."trialStatus",
               mb_instant(p."trialStarted") AS "trialStarted", mb_instant(p."trialEnded") AS "trialEnded",
               ARRAY(SELECT ta."providerTypeId" FROM "ProviderTypeAssignment" ta
                      WHERE ta."providerId" = p."id" ORDER BY ta."providerTypeId") AS "providerTypeIds",
               p."version", mb_instant(p."createdAt") AS "createdAt", mb_instant(p."updatedAt") AS "updatedAt"
          FROM "Provider" p
         WHERE p."id" = provider) x
$$;
COMMENT ON FUNCTION mb_provider_body(text) IS 'one provider in any status, as its owner reads it';

-- request: of mb.caller, with `provider`, an id for the new one, and `given`. outcome: created, replayed,
-- idempotency_mismatch, email_not_verified, provider_exists, or unknown_types with those in `unknown` that there are not
-- or that are retired. Types are named by id or slug. Whoever comes second waits for the first, by the key on "userId".
CREATE OR REPLACE FUNCTION mb_create_provider(request jsonb)
    RETURNS TABLE (outcome text, unknown text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    types text[];
    made text;
BEGIN
    RETURN QUERY SELECT k.outcome, NULL::text, k."body"
                   FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k;
    IF FOUND THEN
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM "User" u WHERE u."id" = request ->> 'userId' AND u."emailVerified" IS NOT NULL) THEN
        RETURN QUERY SELECT 'email_not_verified', NULL::text, NULL::text;
        RETURN;
    END IF;
    types := mb_named_types(given -> 'providerTypeIds', NULL);
    unknown := mb_unknown_types(given -> 'providerTypeIds', types);
    IF unknown IS NOT NULL THEN
        outcome := 'unknown_types';
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO "Provider" ("id", "userId", "name", "bio", "image", "languages", "website", "email", "whatsapp",
                            "showPrice")
    VALUES (request ->> 'provider', request ->> 'userId', given ->> 'name', given ->> 'bio', '',
            ARRAY(SELECT jsonb_array_elements_text(given -> 'languages'))::"Languages"[], given ->> 'website',
            given ->> 'email', given ->> 'whatsapp', (given ->> 'showPrice')::boolean)
    ON CONFLICT ("userId") DO NOTHING
    RETURNING "id" INTO made;
    IF made IS NULL THEN
        -- The first one may have been the same request.
        RETURN QUERY SELECT k.outcome, NULL::text, k."body"
                       FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key',
                                      request ->> 'hash') k;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'provider_exists', NULL::text, NULL::text;
        END IF;
        RETURN;
    END IF;
    INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId")
    SELECT DISTINCT made, g.id FROM unnest(types) g(id);
    body := mb_provider_body(made);
    PERFORM mb_conclude_record(request, 'Provider', made, 'provider.created', '{"version": 1}', body);
    outcome := 'created';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_create_provider(jsonb) IS 'makes the provider of a user, who has one at most';

-- request: of mb.caller, with `provider`, `version` and `given`, a merge patch. outcome: changed, version_mismatch or
-- unknown_zone.
CREATE OR REPLACE FUNCTION mb_change_provider(request jsonb)
    RETURNS TABLE (outcome text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    made "Provider";
BEGIN
    BEGIN
        UPDATE "Provider" p
           SET "name" = coalesce(given ->> 'name', p."name"),
               "bio" = CASE WHEN given ? 'bio' THEN given ->> 'bio' ELSE p."bio" END,
               "languages" = CASE WHEN given ? 'languages'
                                  THEN ARRAY(SELECT jsonb_array_elements_text(given -> 'languages'))::"Languages"[]
                                  ELSE p."languages" END,
               "website" = CASE WHEN given ? 'website' THEN given ->> 'website' ELSE p."website" END,
               "email" = coalesce(given ->> 'email', p."email"),
               "whatsapp" = coalesce(given ->> 'whatsapp', p."whatsapp"),
               "showPrice" = coalesce((given ->> 'showPrice')::boolean, p."showPrice"),
               "timeZone" = coalesce(given ->> 'timeZone', p."timeZone"),
               "reminderEnabled" = coalesce((given ->> 'reminderEnabled')::boolean, p."reminderEnabled"),
               "reminderHours" = coalesce((given ->> 'reminderHours')::integer, p."reminderHours"),
               "reminderChannels" = CASE WHEN given ? 'reminderChannels'
                                         THEN ARRAY(SELECT jsonb_array_elements_text(given -> 'reminderChannels'))
                                         ELSE p."reminderChannels" END
         WHERE p."id" = request ->> 'provider' AND p."version" = (request ->> 'version')::integer
        RETURNING p.* INTO made;
    EXCEPTION WHEN check_violation OR invalid_parameter_value THEN -- of "Provider_timeZone_check"
        RETURN QUERY SELECT 'unknown_zone', NULL::text;
        RETURN;
    END;
    IF made."id" IS NULL THEN
        RETURN QUERY SELECT 'version_mismatch', NULL::text;
        RETURN;
    END IF;
    body := mb_provider_body(made."id");
    PERFORM mb_conclude_record(request, 'Provider', made."id", 'provider.changed',
                               jsonb_build_object('version', made."version", 'fields',
                                                  (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(given) k)),
                               body);
    outcome := 'changed';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_change_provider(jsonb) IS 'changes what a provider says of itself';

RESET ROLE;
