-- Locations, beside what lua/resources/locations.lua says of them. Repeatable: run again whenever this text changes, so
-- a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- The members stand in the order of lua/resources/locations.lua. No row: there is none.
CREATE OR REPLACE FUNCTION mb_location_body(location text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT row_to_json(x)::text
  FROM (SELECT l."id", l."organizationId", l."name", l."formattedAddress", l."coordinates", l."googlePlaceId",
               l."phone", l."email", l."timeZone", l."searchTerms", l."closed", l."version",
               mb_instant(l."createdAt") AS "createdAt", mb_instant(l."updatedAt") AS "updatedAt"
          FROM "Location" l
         WHERE l."id" = location) x
$$;
COMMENT ON FUNCTION mb_location_body(text) IS 'one location as its resource shows it';

-- request: of mb.caller, with `organization`, `location`, the id of the new one, and `given`. outcome: created,
-- replayed, idempotency_mismatch, organization_out_of_service, unknown_zone or place_taken.
CREATE OR REPLACE FUNCTION mb_create_location(request jsonb)
    RETURNS TABLE (outcome text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    made constant text := request ->> 'location';
    standing "OrganizationStatus";
BEGIN
    RETURN QUERY SELECT k.outcome, k."body"
                   FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT o."status" INTO standing FROM "Organization" o WHERE o."id" = request ->> 'organization' FOR SHARE;
    outcome := CASE WHEN standing IN ('SUSPENDED', 'CANCELLED') THEN 'organization_out_of_service'
                    WHEN given ? 'timeZone' AND NOT mb_is_zone(given ->> 'timeZone') THEN 'unknown_zone'
                    ELSE 'created' END;
    IF outcome = 'created' THEN
        INSERT INTO "Location" ("id", "organizationId", "name", "formattedAddress", "coordinates", "googlePlaceId",
                                "phone", "email", "timeZone", "searchTerms")
        VALUES (made, request ->> 'organization', given ->> 'name', given ->> 'formattedAddress',
                given -> 'coordinates', given ->> 'googlePlaceId', given ->> 'phone', given ->> 'email',
                given ->> 'timeZone', ARRAY(SELECT jsonb_array_elements_text(given -> 'searchTerms')))
            ON CONFLICT ("googlePlaceId") DO NOTHING;
        IF NOT FOUND THEN -- unless this request itself, sent twice, has taken it
            RETURN QUERY SELECT k.outcome, k."body"
                           FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key',
                                          request ->> 'hash') k;
            IF FOUND THEN
                RETURN;
            END IF;
            outcome := 'place_taken';
        ELSE
            body := mb_location_body(made);
            PERFORM mb_conclude_record(request, 'Location', made, 'location.created', '{"version": 1}', body);
        END IF;
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_create_location(jsonb) IS 'adds a location to an organization';

-- request: of mb.caller. outcome: closed, version_mismatch or in_use with what holds it: availabilities and bookings
-- that are not over, configurations that stand, subscriptions that run. Whatever refers to it locks it, so what comes
-- meanwhile is seen here or finds it closed.
CREATE OR REPLACE FUNCTION mb_close_location(request jsonb, location text, expected integer)
    RETURNS TABLE (outcome text, holders text[])
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    it "Location";
    at constant timestamptz := mb_now();
BEGIN
    SELECT * INTO it FROM "Location" l WHERE l."id" = location FOR UPDATE;
    holders := ARRAY(
        SELECT x.what
          FROM (VALUES
               ('availabilities', EXISTS (SELECT FROM "Availability" a
                                           WHERE a."locationId" = location AND a."endTime" > at
                                             AND a."status" <> 'REJECTED')),
               ('bookings', EXISTS (SELECT FROM "Booking" b
                                     WHERE b."locationId" = location AND b."endTime" > at
                                       AND b."status" IN ('PENDING', 'CONFIRMED'))),
               ('configurations', EXISTS (SELECT FROM "ServiceAvailabilityConfig" c
                                           WHERE c."locationId" = location AND c."isStanding" AND c."isActive")),
               ('subscriptions', EXISTS (SELECT FROM "Subscription" s
                                          WHERE s."locationId" = location
                                            AND s."status" IN ('ACTIVE', 'PAST_DUE', 'TRIALING')))
               ) x (what, holds)
         WHERE x.holds
         ORDER BY x.what);
    outcome := CASE WHEN it."version" IS DISTINCT FROM expected THEN 'version_mismatch'
                    WHEN it."closed" THEN 'closed'
                    WHEN cardinality(holders) > 0 THEN 'in_use'
                    ELSE 'closed' END;
    IF outcome = 'closed' AND NOT it."closed" THEN
        UPDATE "Location" SET "closed" = true, "isListed" = false WHERE "id" = location;
        PERFORM mb_conclude_record(request, 'Location', location, 'location.closed',
                                   jsonb_build_object('version', expected + 1), NULL);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_close_location(jsonb, text, integer) IS 'closes a location that nothing holds';

RESET ROLE;
