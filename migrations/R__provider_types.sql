-- Which types a provider is of. Repeatable: run again whenever this text changes, so a change that old servers must not
-- see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- Locks them, so that none goes or is retired before the transaction ends.
CREATE OR REPLACE FUNCTION mb_named_types(names jsonb, provider text) RETURNS text[]
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    types text[];
BEGIN
    SELECT array_agg((SELECT t."id" FROM "ProviderType" t WHERE n.name IN (t."id", t."slug")
                       ORDER BY t."id" = n.name DESC LIMIT 1) ORDER BY n.place)
      INTO types
      FROM jsonb_array_elements_text(names) WITH ORDINALITY n(name, place);
    PERFORM FROM "ProviderType" t WHERE t."id" = ANY (types) ORDER BY t."id" FOR SHARE;
    RETURN ARRAY(
        SELECT t."id"
          FROM unnest(types) WITH ORDINALITY n(id, place)
          LEFT JOIN "ProviderType" t
            ON t."id" = n.id
               AND (t."isActive" OR EXISTS (SELECT FROM "ProviderTypeAssignment" a
                                             WHERE a."providerId" = provider AND a."providerTypeId" = t."id"))
         ORDER BY n.place);
END
$$;
COMMENT ON FUNCTION mb_named_types(jsonb, text) IS
    'ids of provider types by ids, which win, or slugs, in their order; null for one that there is not, or that is retired and not the provider''s';

-- Which of these names stand for no type; null: each does. types: of mb_named_types.
CREATE OR REPLACE FUNCTION mb_unknown_types(names jsonb, types text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
SELECT jsonb_agg(names -> (t.place - 1)::integer ORDER BY t.place)::text
  FROM unnest(types) WITH ORDINALITY t(id, place)
 WHERE t.id IS NULL
$$;

-- First of two steps of one transaction, between which scripts judge what is asked by the types that are new (`added`,
-- where the provider `isApproved`) and store until when the provider complies. What would be left without its type,
-- standing configs and bookings ahead, waits for none: whoever writes these locks the agenda too. request: `provider`,
-- `version` and `given`. outcome: assigned, unchanged, version_mismatch, unknown_types with those in `unknown`, or in_use
-- with `stuck`, a JSON list of { id, name, holder }.
CREATE OR REPLACE FUNCTION mb_assign_types(request jsonb)
    RETURNS TABLE (outcome text, unknown text, stuck text, added text, "isApproved" boolean)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    names constant jsonb := request -> 'given' -> 'providerTypeIds';
    p "Provider";
    types text[];
    old text[];
BEGIN
    PERFORM FROM "ProviderAgenda" g WHERE g."providerId" = request ->> 'provider' FOR NO KEY UPDATE;
    SELECT * INTO p FROM "Provider" x WHERE x."id" = request ->> 'provider' FOR NO KEY UPDATE;
    IF p."version" IS DISTINCT FROM (request ->> 'version')::integer THEN
        outcome := 'version_mismatch';
        RETURN NEXT;
        RETURN;
    END IF;
    types := mb_named_types(names, p."id");
    unknown := mb_unknown_types(names, types);
    old := ARRAY(SELECT a."providerTypeId" FROM "ProviderTypeAssignment" a WHERE a."providerId" = p."id");
    SELECT jsonb_agg(jsonb_build_object('id', t."id", 'name', t."name", 'holder', h.holder)
                     ORDER BY h.holder, t."name")::text
      INTO stuck
      FROM "ProviderType" t
     CROSS JOIN LATERAL (
          SELECT 'bookings' AS holder
           WHERE EXISTS (SELECT FROM "Booking" b JOIN "Service" v ON v."id" = b."serviceId"
                          WHERE b."providerId" = p."id" AND b."status" IN ('PENDING', 'CONFIRMED')
                            AND b."endTime" > mb_now() AND v."providerTypeId" = t."id")
           UNION ALL
          SELECT 'configurations'
           WHERE EXISTS (SELECT FROM "ServiceAvailabilityConfig" c JOIN "Service" v ON v."id" = c."serviceId"
                          WHERE c."providerId" = p."id" AND c."isStanding" AND c."isActive"
                            AND v."providerTypeId" = t."id")) h
     WHERE t."id" = ANY (old) AND NOT t."id" = ANY (types);
    IF unknown IS NOT NULL OR stuck IS NOT NULL THEN
        outcome := CASE WHEN unknown IS NOT NULL THEN 'unknown_types' ELSE 'in_use' END;
        RETURN NEXT;
        RETURN;
    END IF;
    DELETE FROM "ProviderTypeAssignment" a WHERE a."providerId" = p."id" AND NOT a."providerTypeId" = ANY (types);
    outcome := CASE WHEN FOUND THEN 'assigned' ELSE 'unchanged' END;
    INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId")
    SELECT DISTINCT p."id", t.id FROM unnest(types) t(id) WHERE NOT t.id = ANY (old);
    outcome := CASE WHEN FOUND THEN 'assigned' ELSE outcome END;
    added := array_to_json(ARRAY(SELECT DISTINCT t.id FROM unnest(types) t(id) WHERE NOT t.id = ANY (old)));
    "isApproved" := p."status" NOT IN ('PENDING_APPROVAL', 'REJECTED', 'CANCELLED');
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_assign_types(jsonb) IS 'replaces the types of a provider; mb_conclude_types ends it';

-- request: of mb.caller, with `provider`.
CREATE OR REPLACE FUNCTION mb_conclude_types(request jsonb) RETURNS TABLE (version integer, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    UPDATE "Provider" p SET "id" = p."id" WHERE p."id" = request ->> 'provider' RETURNING p."version" INTO version;
    body := mb_provider_body(request ->> 'provider');
    PERFORM mb_conclude_record(request, 'Provider', request ->> 'provider', 'provider.changed',
                               jsonb_build_object('version', version, 'fields', '["providerTypeIds"]'::jsonb), body);
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_conclude_types(jsonb) IS 'counts and tells a change of the types of a provider';

RESET ROLE;
