-- What providers take for their services, and how long. Repeatable: run again whenever this text changes, so a change
-- that old servers must not see needs a new name. Who writes a config locks the provider's agenda first, as every
-- writer of a timeline: a price is copied to slots, buffers and retirement show in their status.
SET LOCAL ROLE medbookd_owner;

-- The members stand in the order of lua/validation/answers.lua. No row: there is none.
CREATE OR REPLACE FUNCTION mb_service_config_body(config text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT row_to_json(x)::text
  FROM (SELECT c."id", c."providerId", c."serviceId", c."locationId", c."duration", c."price"::text AS "price",
               c."isOnlineAvailable", c."isInPerson", c."bufferBefore", c."bufferAfter", c."isActive", c."version",
               mb_instant(c."createdAt") AS "createdAt", mb_instant(c."updatedAt") AS "updatedAt"
          FROM "ServiceAvailabilityConfig" c
         WHERE c."id" = config) x
$$;
COMMENT ON FUNCTION mb_service_config_body(text) IS 'one config, as its provider reads it';

-- Locks what it looks at, so that it holds until the end of the transaction.
CREATE OR REPLACE FUNCTION mb_service_refusal(provider text, service text, location text) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    offered "Service";
    organization text;
BEGIN
    SELECT * INTO offered FROM "Service" v WHERE v."id" = service FOR SHARE;
    IF offered."id" IS NULL THEN
        RETURN 'unknown_service';
    ELSIF NOT offered."isActive" THEN
        RETURN 'retired_service';
    ELSIF NOT EXISTS (SELECT FROM "ProviderTypeAssignment" a
                       WHERE a."providerId" = provider AND a."providerTypeId" = offered."providerTypeId") THEN
        RETURN 'service_of_other_type';
    ELSIF location IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT l."organizationId" INTO organization FROM "Location" l
     WHERE l."id" = location AND NOT l."closed" FOR SHARE;
    IF organization IS NULL THEN
        RETURN 'unknown_location';
    END IF;
    PERFORM FROM "OrganizationProviderConnection" c
      WHERE c."organizationId" = organization AND c."providerId" = provider AND c."status" = 'ACCEPTED' FOR SHARE;
    RETURN CASE WHEN NOT FOUND THEN 'not_connected' END;
END
$$;
COMMENT ON FUNCTION mb_service_refusal(text, text, text) IS
    'why a provider cannot offer a service at a location (null = no place in particular), or null';

-- "_ProviderToService" has the services that a provider offers, for readers of the seed's schema.
CREATE OR REPLACE FUNCTION mb_note_service(provider text, service text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    IF EXISTS (SELECT FROM "ServiceAvailabilityConfig" c
                WHERE c."providerId" = provider AND c."serviceId" = service AND c."isStanding" AND c."isActive") THEN
        INSERT INTO "_ProviderToService" ("A", "B") VALUES (provider, service) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM "_ProviderToService" WHERE "A" = provider AND "B" = service;
    END IF;
END
$$;

-- request: of mb.caller, with `config`, an id for the new one, `provider`, and `given`, whose service is named by its id
-- or by <type>.<slug>; duration and price are those of the service where nothing is said. outcome: created, replayed, idempotency_mismatch, config_exists, or why not, of
-- mb_service_refusal.
CREATE OR REPLACE FUNCTION mb_create_service_config(request jsonb)
    RETURNS TABLE (outcome text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    provider constant text := request ->> 'provider';
    service text;
    made text;
BEGIN
    PERFORM FROM "ProviderAgenda" g WHERE g."providerId" = provider FOR NO KEY UPDATE;
    RETURN QUERY SELECT k.outcome, k."body"
                   FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT v."id" INTO service
      FROM "Service" v
      JOIN "ProviderType" t ON t."id" = v."providerTypeId"
     WHERE given ->> 'serviceId' IN (v."id", t."slug" || '.' || v."slug")
     ORDER BY v."id" = given ->> 'serviceId' DESC
     LIMIT 1;
    outcome := mb_service_refusal(provider, service, given ->> 'locationId');
    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO "ServiceAvailabilityConfig"
           ("id", "providerId", "serviceId", "locationId", "duration", "price", "isOnlineAvailable", "isInPerson",
            "bufferBefore", "bufferAfter", "isStanding")
    SELECT request ->> 'config', provider, v."id", given ->> 'locationId',
           coalesce((given ->> 'duration')::integer, v."defaultDuration"),
           coalesce((given ->> 'price')::numeric, v."defaultPrice"), (given ->> 'isOnlineAvailable')::boolean,
           (given ->> 'isInPerson')::boolean, (given ->> 'bufferBefore')::integer, (given ->> 'bufferAfter')::integer,
           true
      FROM "Service" v
     WHERE v."id" = service
    ON CONFLICT ("providerId", "serviceId", "locationId") WHERE "isStanding" DO NOTHING
    RETURNING "id" INTO made;
    IF made IS NULL THEN
        outcome := 'config_exists';
        RETURN NEXT;
        RETURN;
    END IF;
    PERFORM mb_note_service(provider, service);
    body := mb_service_config_body(made);
    PERFORM mb_conclude_record(request, 'ServiceAvailabilityConfig', made, 'service_config.created',
                               jsonb_build_object('providerId', provider, 'version', 1), body);
    outcome := 'created';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_create_service_config(jsonb) IS 'makes the config of a provider for a service and a location';

-- request: of mb.caller, with `provider`, `config`, `version` and `given`, a merge patch. A new price is that of the
-- slots ahead that nobody has booked; everything else counts for slots cut from then on, but buffers and retirement,
-- which triggers bring to the status of all slots. outcome: changed, version_mismatch, no_way_to_meet, or why it
-- cannot be taken up again, of mb_service_refusal.
CREATE OR REPLACE FUNCTION mb_change_service_config(request jsonb)
    RETURNS TABLE (outcome text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    provider constant text := request ->> 'provider';
    config constant text := request ->> 'config';
    old "ServiceAvailabilityConfig";
    made "ServiceAvailabilityConfig";
BEGIN
    PERFORM FROM "ProviderAgenda" g WHERE g."providerId" = provider FOR NO KEY UPDATE;
    SELECT * INTO old FROM "ServiceAvailabilityConfig" c
     WHERE c."id" = config AND c."version" = (request ->> 'version')::integer FOR NO KEY UPDATE;
    IF old."id" IS NULL THEN
        outcome := 'version_mismatch';
    ELSIF NOT old."isActive" AND (given ->> 'isActive')::boolean THEN
        outcome := mb_service_refusal(provider, old."serviceId", old."locationId");
    ELSIF NOT coalesce((given ->> 'isOnlineAvailable')::boolean, old."isOnlineAvailable")
          AND NOT coalesce((given ->> 'isInPerson')::boolean, old."isInPerson") THEN
        outcome := 'no_way_to_meet';
    END IF;
    IF outcome IS NOT NULL THEN
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE "ServiceAvailabilityConfig" c
       SET "duration" = coalesce((given ->> 'duration')::integer, c."duration"),
           "price" = coalesce((given ->> 'price')::numeric, c."price"),
           "isOnlineAvailable" = coalesce((given ->> 'isOnlineAvailable')::boolean, c."isOnlineAvailable"),
           "isInPerson" = coalesce((given ->> 'isInPerson')::boolean, c."isInPerson"),
           "bufferBefore" = coalesce((given ->> 'bufferBefore')::integer, c."bufferBefore"),
           "bufferAfter" = coalesce((given ->> 'bufferAfter')::integer, c."bufferAfter"),
           "isActive" = coalesce((given ->> 'isActive')::boolean, c."isActive")
     WHERE c."id" = config
    RETURNING c.* INTO made;
    IF made."price" <> old."price" THEN
        UPDATE "CalculatedAvailabilitySlot" s
           SET "price" = made."price", "version" = s."version" + 1, "updatedAt" = made."updatedAt"
         WHERE s."providerId" = provider AND s."startTime" > mb_now() AND s."serviceConfigId" = config
           AND s."status" <> 'BOOKED';
        UPDATE "ProviderAgenda" g SET "version" = g."version" + 1 WHERE g."providerId" = provider;
    END IF;
    PERFORM mb_note_service(provider, made."serviceId");
    body := mb_service_config_body(config);
    PERFORM mb_conclude_record(request, 'ServiceAvailabilityConfig', config, 'service_config.changed',
                               jsonb_build_object('providerId', provider, 'version', made."version", 'fields',
                                                  (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(given) k)),
                               body);
    outcome := 'changed';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_change_service_config(jsonb) IS 'changes what a provider takes for a service, or retires it';

-- request: of mb.caller, with `provider`, `config` and `version`. outcome: deleted, version_mismatch, or in_use with who
-- holds it in `holders`, a JSON list.
CREATE OR REPLACE FUNCTION mb_delete_service_config(request jsonb)
    RETURNS TABLE (outcome text, holders text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    provider constant text := request ->> 'provider';
    config constant text := request ->> 'config';
    old "ServiceAvailabilityConfig";
BEGIN
    PERFORM FROM "ProviderAgenda" g WHERE g."providerId" = provider FOR NO KEY UPDATE;
    SELECT * INTO old FROM "ServiceAvailabilityConfig" c
     WHERE c."id" = config AND c."version" = (request ->> 'version')::integer FOR UPDATE;
    IF old."id" IS NULL THEN
        outcome := 'version_mismatch';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT json_agg(x.holder ORDER BY x.holder)::text INTO holders
      FROM (SELECT 'availabilities' AS holder
             WHERE EXISTS (SELECT FROM "_AvailabilityToServiceAvailabilityConfig" j WHERE j."B" = config)
             UNION ALL
            SELECT 'bookings'
             WHERE EXISTS (SELECT FROM "Booking" b WHERE b."providerId" = provider AND b."serviceConfigId" = config)
             UNION ALL
            SELECT 'slots'
             WHERE EXISTS (SELECT FROM "CalculatedAvailabilitySlot" s
                            WHERE s."providerId" = provider AND s."serviceConfigId" = config)) x;
    IF holders IS NOT NULL THEN
        outcome := 'in_use';
        RETURN NEXT;
        RETURN;
    END IF;
    DELETE FROM "ServiceAvailabilityConfig" c WHERE c."id" = config;
    PERFORM mb_note_service(provider, old."serviceId");
    PERFORM mb_conclude_record(request, 'ServiceAvailabilityConfig', config, 'service_config.deleted',
                               jsonb_build_object('providerId', provider, 'version', old."version"), NULL);
    outcome := 'deleted';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_delete_service_config(jsonb) IS 'removes a config that was never used';

RESET ROLE;
