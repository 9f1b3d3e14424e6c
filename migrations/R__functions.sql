-- The functions that work on a provider's timeline. Repeatable: run again whenever this text
-- changes, so a change that old servers must not see needs a new name. Signatures use built-in types
-- only, so that no table or type of a numbered migration hangs on them.
SET LOCAL ROLE medbookd_owner;

-- ---- texts ----

CREATE OR REPLACE FUNCTION mb_instant(at timestamptz) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') $$;
COMMENT ON FUNCTION mb_instant(timestamptz) IS 'an instant as the API writes it: 2026-11-22T08:00:00.000Z';

CREATE OR REPLACE FUNCTION mb_booking_body(b record) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT row_to_json(x)::text FROM (SELECT
        b."id", b."reference", b."status", b."slotId", b."providerId", b."serviceId", b."locationId",
        mb_instant(b."startTime") AS "startTime", mb_instant(b."endTime") AS "endTime",
        b."price"::text AS "price", b."isOnline", b."isInPerson", b."clientId", b."guestName",
        b."guestEmail", b."guestPhone", b."guestWhatsapp", b."notes", b."meetLink",
        mb_instant(b."confirmedAt") AS "confirmedAt", mb_instant(b."cancelledAt") AS "cancelledAt",
        b."reasonCode", b."version", mb_instant(b."createdAt") AS "createdAt",
        mb_instant(b."updatedAt") AS "updatedAt") AS x);
END
$$;
COMMENT ON FUNCTION mb_booking_body(record) IS 'a row of "Booking" as the API shows it, without its manage token';

-- ---- what can be booked ----
-- These say everything but the slot's own: its status, that it is to come and that nobody else
-- holds it. The planner inlines them. "refusal" is null for what can be booked; filter by "is_open",
-- which says the same, as the planner takes "refusal IS NULL" for a rare thing.

CREATE OR REPLACE FUNCTION mb_standing_of(status text, compliant_until timestamptz)
    RETURNS TABLE (refusal text, is_open boolean)
    LANGUAGE sql STABLE
    AS $$
SELECT x.refusal, CASE WHEN x.refusal IS NULL THEN true ELSE false END
  FROM (SELECT CASE WHEN status NOT IN ('TRIAL', 'ACTIVE') THEN 'provider_not_active'
                    WHEN compliant_until > mb_now() THEN NULL
                    ELSE 'documents_lapsed'
               END AS refusal) x
$$;
COMMENT ON FUNCTION mb_standing_of(text, timestamptz) IS
    'why nothing of a provider of this status that has what is asked of it until then can be booked, or null';

-- The clock keeps PostgreSQL from seeing through a query that reads it. So it is read beside "Provider" and not
-- in the same query: a condition on the id reaches the table, and nobody is judged whom nobody asked for.
CREATE OR REPLACE FUNCTION mb_provider_standing() RETURNS TABLE ("id" text, refusal text, is_open boolean)
    LANGUAGE sql STABLE
    AS $$
SELECT p."id", s.refusal, s.is_open
  FROM "Provider" p
 CROSS JOIN LATERAL mb_standing_of(p."status"::text, p."compliantUntil") s
$$;
COMMENT ON FUNCTION mb_provider_standing() IS 'each provider''s standing: why nothing of them can be booked, or null';

CREATE OR REPLACE FUNCTION mb_availability_standing()
    RETURNS TABLE ("id" text, "providerId" text, "startTime" timestamptz, "endTime" timestamptz,
                   "requiresConfirmation" boolean, refusal text, is_open boolean)
    LANGUAGE sql STABLE
    AS $$
SELECT x."id", x."providerId", x."startTime", x."endTime", x."requiresConfirmation", x.refusal,
       CASE WHEN x.refusal IS NULL THEN true ELSE false END
  FROM (SELECT a."id", a."providerId", a."startTime", a."endTime", a."requiresConfirmation",
               CASE WHEN a."status" <> 'ACCEPTED' THEN 'availability_not_accepted'
                    WHEN o."status" NOT IN ('APPROVED', 'TRIAL', 'ACTIVE') THEN 'organization_not_active'
                    WHEN o."id" IS NOT NULL AND c."status" IS DISTINCT FROM 'ACCEPTED' THEN 'not_connected'
               END AS refusal
          FROM "Availability" a
          LEFT JOIN "Organization" o ON o."id" = a."organizationId"
          LEFT JOIN "OrganizationProviderConnection" c
            ON c."organizationId" = a."organizationId" AND c."providerId" = a."providerId") x
$$;
COMMENT ON FUNCTION mb_availability_standing() IS
    'why nothing of an availability can be booked, whatever its provider''s standing, or null';

-- ---- slot status ----

-- Whether too little lies between two times of one provider: the larger buffer of the two that meet has to
-- be free, not their sum. Buffers are minutes. The planner inlines it.
CREATE OR REPLACE FUNCTION mb_too_close(since timestamptz, until timestamptz, before integer, after integer,
                                        other_since timestamptz, other_until timestamptz, other_before integer,
                                        other_after integer)
    RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT since < other_until + greatest(before, other_after) * interval '1 min'
   AND other_since < until + greatest(after, other_before) * interval '1 min'
$$;

-- Holds that refuse a time to everybody but their holder. The planner inlines it. Which can be near at all is told
-- by their index alone, as no buffer is wider than 240 minutes.
CREATE OR REPLACE FUNCTION mb_holds(provider text, since timestamptz, until timestamptz, config text)
    RETURNS TABLE ("holder" text)
    LANGUAGE sql STABLE
    AS $$
SELECT h."holder"
  FROM "SlotHold" h
 WHERE h."providerId" = provider AND h."expiresAt" > mb_now()
   AND h."startTime" < until + interval '240 min' AND h."endTime" > since - interval '240 min'
   AND (SELECT mb_too_close(since, until, c."bufferBefore", c."bufferAfter", h."startTime", h."endTime",
                            h."bufferBefore", h."bufferAfter")
          FROM "ServiceAvailabilityConfig" c WHERE c."id" = config)
$$;

CREATE OR REPLACE FUNCTION mb_slot_status(provider text, since timestamptz, until timestamptz)
    RETURNS TABLE ("id" text, "status" text, "blockedByEventId" text)
    LANGUAGE sql STABLE
    AS $$
SELECT s."id", d."status", CASE WHEN d."status" = 'BLOCKED' THEN e."id" END
  FROM "ProviderAgenda" g
  JOIN "CalculatedAvailabilitySlot" s ON s."providerId" = g."providerId"
  JOIN "ServiceAvailabilityConfig" c ON c."id" = s."serviceConfigId"
  LEFT JOIN "CalendarIntegration" i ON i."providerId" = s."providerId"
  LEFT JOIN LATERAL (
      SELECT x."id"
        FROM "CalendarEvent" x
       WHERE x."calendarIntegrationId" = i."id" AND x."startTime" < s."endTime" AND x."endTime" > s."startTime"
         AND x."blocksAvailability" AND x."syncStatus" <> 'EXTERNAL_DELETED'
       ORDER BY x."startTime", x."id"
       LIMIT 1) e ON true
 CROSS JOIN LATERAL (
      SELECT CASE
          WHEN EXISTS (SELECT FROM "Booking" b WHERE b."slotId" = s."id" AND b."status" <> 'CANCELLED')
              THEN 'BOOKED'
          WHEN e."id" IS NOT NULL THEN 'BLOCKED'
          WHEN EXISTS (
              SELECT FROM "Booking" b
               WHERE b."providerId" = s."providerId" AND b."status" <> 'CANCELLED'
                 -- The index finds what can be near: no booking is longer than 24 hours, no buffer
                 -- than 240 minutes. Never by && here: see 0017_index_live_bookings.
                 AND b."startTime" < s."endTime" + interval '240 min'
                 AND b."startTime" > s."startTime" - interval '28 hours'
                 AND mb_too_close(s."startTime", s."endTime", c."bufferBefore", c."bufferAfter",
                                  b."startTime", b."endTime", b."bufferBefore", b."bufferAfter"))
              THEN 'INVALID'
          WHEN NOT c."isActive" THEN 'INVALID'
          ELSE 'AVAILABLE'
      END AS "status"
      OFFSET 0) d -- keeps the planner from working the status out for each mention of it
 WHERE g."providerId" = provider
   AND s."endTime" > since - g."reach" * interval '1 min' AND s."startTime" < until + g."reach" * interval '1 min'
   AND s."startTime" > since - g."reach" * interval '1 min' - interval '24 hours' -- no slot is longer
$$;
COMMENT ON FUNCTION mb_slot_status(text, timestamptz, timestamptz) IS
    'what the status of each slot of a provider that a cause at this time reaches has to be, from all causes';

-- What was booked keeps the price that it was booked for; free again, it has that of today.
CREATE OR REPLACE FUNCTION mb_refresh(provider text, since timestamptz, until timestamptz) RETURNS integer
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    changed integer;
BEGIN
    UPDATE "CalculatedAvailabilitySlot" s
       SET "status" = d."status"::"SlotStatus", "blockedByEventId" = d."blockedByEventId",
           "price" = CASE WHEN s."status" <> 'BOOKED' THEN s."price"
                          ELSE (SELECT c."price" FROM "ServiceAvailabilityConfig" c WHERE c."id" = s."serviceConfigId")
                     END,
           "version" = s."version" + 1, "lastCalculated" = mb_now(), "updatedAt" = mb_now()
      FROM mb_slot_status(provider, since, until) d
     WHERE s."id" = d."id"
       AND (s."status"::text <> d."status" OR s."blockedByEventId" IS DISTINCT FROM d."blockedByEventId");
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION mb_refresh(text, timestamptz, timestamptz) IS
    'brings the slots of a provider that a cause at this time reaches to their derived status; the caller holds the agenda';

-- ---- journals ----

-- Answers are kept for 24 hours. Anonymous callers share one scope, '', as a key must bind whoever sent it.
CREATE OR REPLACE FUNCTION mb_answer(actor text, path text, request_key text, request_hash text)
    RETURNS TABLE (outcome text, "resourceId" text, "body" text)
    LANGUAGE sql STABLE
    AS $$
SELECT CASE WHEN k."requestHash" = request_hash THEN 'replayed' ELSE 'idempotency_mismatch' END,
       k."resourceId", k."body"
  FROM "IdempotencyKey" k
 WHERE k."caller" = coalesce(actor, '') AND k."route" = path AND k."key" = request_key
   AND k."createdAt" > mb_now() - interval '24 hours'
$$;
COMMENT ON FUNCTION mb_answer(text, text, text, text) IS 'the answer that a request with this key got before';

-- False: the key was used in the last 24 hours, perhaps at this very moment.
CREATE OR REPLACE FUNCTION mb_keep_answer(request jsonb, resource_id text, answer text, at timestamptz) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    INSERT INTO "IdempotencyKey" AS k
           ("caller", "route", "key", "requestHash", "status", "body", "resourceId", "createdAt")
    VALUES (coalesce(request ->> 'userId', ''), request ->> 'route', request ->> 'key', request ->> 'hash',
            (request ->> 'answerStatus')::integer, answer, resource_id, at)
    ON CONFLICT ON CONSTRAINT "IdempotencyKey_pkey" DO UPDATE
       SET "requestHash" = excluded."requestHash", "status" = excluded."status", "body" = excluded."body",
           "resourceId" = excluded."resourceId", "createdAt" = excluded."createdAt"
     WHERE k."createdAt" <= excluded."createdAt" - interval '24 hours';
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION mb_keep_answer(jsonb, text, text, timestamptz) IS
    'keeps the answer to a request with a key (userId, route, key, hash, answerStatus of it) for its repetition';

-- Ends a change of a booking: a new one takes its time from the slots; then it counts the change on the agenda,
-- tells the others and says who did it, in one statement, as each costs a start of the executor. A request with
-- a key has its answer kept. `reach`: of the provider's agenda for a new booking, else null. False: the same key
-- is in work for another provider, so this change must not stand; sent again, the call will learn how that ended.
CREATE OR REPLACE FUNCTION mb_conclude(b record, event text, request jsonb, answer text, reach integer)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    WITH agenda AS (
        UPDATE "ProviderAgenda" SET "version" = "version" + 1 WHERE "providerId" = b."providerId"
    ), taken AS (
        -- What mb_refresh would find, in a tenth of the time.
        UPDATE "CalculatedAvailabilitySlot" s
           SET "status" = CASE WHEN s."id" = b."slotId" THEN 'BOOKED' ELSE 'INVALID' END::"SlotStatus",
               "version" = s."version" + 1, "lastCalculated" = b."updatedAt", "updatedAt" = b."updatedAt"
          FROM "ServiceAvailabilityConfig" c
         WHERE reach IS NOT NULL
           AND s."providerId" = b."providerId" AND s."status" = 'AVAILABLE' AND c."id" = s."serviceConfigId"
           AND s."startTime" < b."endTime" + reach * interval '1 min'
           AND s."endTime" > b."startTime" - reach * interval '1 min'
           AND s."startTime" > b."startTime" - reach * interval '1 min' - interval '24 hours'
           AND mb_too_close(s."startTime", s."endTime", c."bufferBefore", c."bufferAfter",
                            b."startTime", b."endTime", b."bufferBefore", b."bufferAfter")
    ), told AS (
        INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload", "createdAt")
        VALUES ('booking.' || event, 'Booking', b."id", jsonb_build_object(
                    'providerId', b."providerId", 'status', b."status", 'version', b."version"), b."updatedAt")
    )
    INSERT INTO "AuditLog" ("userId", "action", "category", "resource", "resourceId", "ipAddress", "userAgent",
                            "requestId", "metadata", "createdAt")
    VALUES (request ->> 'userId', 'BOOKING_' || upper(event), 'DATA_MODIFICATION', 'Booking', b."id",
            request ->> 'address', request ->> 'agent', request ->> 'requestId',
            jsonb_build_object('status', b."status", 'version', b."version"), b."updatedAt");
    IF NOT request ? 'key' THEN
        RETURN true;
    END IF;
    RETURN mb_keep_answer(request, b."id", answer, b."updatedAt");
END
$$;

CREATE OR REPLACE FUNCTION mb_wrote_nothing() RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
END
$$;
COMMENT ON FUNCTION mb_wrote_nothing() IS
    'ends a transaction that at most took the agenda''s lock: it need not reach the disk before the next one may go on';

-- ---- booking ----

CREATE OR REPLACE FUNCTION mb_slot_refusal(status text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE status WHEN 'BOOKED' THEN 'slot_taken' WHEN 'INVALID' THEN 'slot_overlapped'
                   WHEN 'BLOCKED' THEN 'slot_blocked' END
$$;
COMMENT ON FUNCTION mb_slot_refusal(text) IS 'why a slot of this status cannot be booked, or null';

-- A slot as it is offered now to whoever asks by `request` (clientId, isOnline, holdToken, or {} for anybody):
-- why it cannot be booked, in the order that helps them most, or null, and what a booking takes over from it.
-- Who books holds the agenda meanwhile.
CREATE OR REPLACE FUNCTION mb_offer(slot text, request jsonb)
    RETURNS TABLE (outcome text, reason text, "providerId" text, "serviceId" text, "serviceConfigId" text,
                   "locationId" text, "organizationId" text, "startTime" timestamptz, "endTime" timestamptz,
                   "price" numeric, "isOnline" boolean, "bufferBefore" integer, "bufferAfter" integer,
                   "requiresConfirmation" boolean)
    LANGUAGE sql STABLE
    AS $$
SELECT coalesce(
           CASE WHEN c."isActive" OR s."status" <> 'INVALID' THEN mb_slot_refusal(s."status"::text) END,
           CASE WHEN s."startTime" <= mb_now() THEN 'slot_past'
                WHEN coalesce(p.refusal, a.refusal) IS NOT NULL OR NOT c."isActive" THEN 'not_bookable'
                WHEN EXISTS (
                    SELECT FROM mb_holds(s."providerId", s."startTime", s."endTime", s."serviceConfigId") h
                     WHERE h."holder" IS DISTINCT FROM request ->> 'holdToken') THEN 'slot_held'
                WHEN request ? 'clientId' AND NOT EXISTS (SELECT FROM "User" u WHERE u."id" = request ->> 'clientId')
                    THEN 'client_not_found'
                WHEN x.online IS NULL AND s."isOnlineAvailable" AND s."isInPerson" THEN 'mode_required'
                WHEN NOT CASE WHEN coalesce(x.online, s."isOnlineAvailable") THEN s."isOnlineAvailable"
                              ELSE s."isInPerson" END THEN 'mode_unavailable'
           END),
       coalesce(p.refusal, a.refusal, CASE WHEN NOT c."isActive" THEN 'config_retired' END),
       s."providerId", s."serviceId", s."serviceConfigId", s."locationId", v."organizationId", s."startTime",
       s."endTime", s."price", coalesce(x.online, s."isOnlineAvailable"), c."bufferBefore", c."bufferAfter",
       v."requiresConfirmation"
  FROM "CalculatedAvailabilitySlot" s
  JOIN "ServiceAvailabilityConfig" c ON c."id" = s."serviceConfigId"
  JOIN "Availability" v ON v."id" = s."availabilityId"
  JOIN mb_provider_standing() p ON p."id" = s."providerId"
  JOIN mb_availability_standing() a ON a."id" = s."availabilityId"
 CROSS JOIN (VALUES ((request ->> 'isOnline')::boolean)) x (online)
 WHERE s."id" = slot
$$;

-- Whether this many live bookings lie ahead already: provider_full, person_full or null. A bound that is null is
-- none.
CREATE OR REPLACE FUNCTION mb_over_ceiling(provider text, most_of_provider integer, person bytea,
                                           most_of_person integer, at timestamptz)
    RETURNS text
    LANGUAGE plpgsql VOLATILE -- a statement of its own each: it sees what was made before the lock came
    AS $$
DECLARE
    n integer;
BEGIN
    IF most_of_provider IS NOT NULL THEN
        SELECT count(*) INTO n FROM (
            SELECT FROM "Booking" b
             WHERE b."providerId" = provider AND b."status" <> 'CANCELLED' AND b."startTime" > at
             LIMIT most_of_provider) x;
        IF n = most_of_provider THEN
            RETURN 'provider_full';
        END IF;
    END IF;
    IF most_of_person IS NOT NULL THEN
        SELECT count(*) INTO n FROM (
            SELECT FROM "Booking" b
             WHERE b."personHash" = person AND b."status" <> 'CANCELLED' AND b."startTime" > at
             LIMIT most_of_person) x;
        IF n = most_of_person THEN
            RETURN 'person_full';
        END IF;
    END IF;
    RETURN NULL;
END
$$;

-- Books a slot. `request` is what lua/workflows/booking.lua sends: slotId, bookingId, reference, what the booking
-- is to hold, how many live bookings may lie ahead (mostOfProvider, exactly; mostOfPerson, which those in flight
-- may pass), and who asks how: userId, address, agent, requestId, route, key, hash, answerStatus. What is unknown
-- or without bound is left out.
-- The checks saw every overlap, so that what a constraint refuses all the same is an error, as 23505: whoever
-- calls looks at its name (Booking_slotId_key, Booking_providerId_startTime_endTime_excl: taken;
-- Booking_reference_key: again with another one; Booking_pkey: made by this very call before).
CREATE OR REPLACE FUNCTION mb_book(request jsonb)
    RETURNS TABLE (outcome text, booking_id text, booking_version integer, token_version integer, answer text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    slot constant text := request ->> 'slotId';
    owner text;
    reach integer;
    offer record;
    person bytea;
    at timestamptz;
    b "Booking"%ROWTYPE;
BEGIN
    -- Whoever comes too late learns it here, without a lock.
    SELECT s."providerId", mb_slot_refusal(s."status"::text) INTO owner, outcome
      FROM "CalculatedAvailabilitySlot" s WHERE s."id" = slot;
    IF owner IS NULL THEN
        outcome := 'slot_not_found';
    ELSIF outcome = 'slot_overlapped' THEN -- or retired, which mb_offer tells apart
        SELECT o.outcome INTO outcome FROM mb_offer(slot, request) o;
    END IF;
    IF owner IS NOT NULL AND outcome IS NULL THEN
        SELECT g."reach" INTO reach FROM "ProviderAgenda" g WHERE g."providerId" = owner FOR NO KEY UPDATE;
    END IF;
    IF request ? 'key' THEN
        -- The first version, as answered then, but a token that works today.
        RETURN QUERY SELECT k.outcome, k."resourceId", 1, x."tokenVersion", k."body"
                       FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k
                       LEFT JOIN "Booking" x ON x."id" = k."resourceId";
        IF FOUND THEN
            PERFORM mb_wrote_nothing();
            RETURN;
        END IF;
    END IF;
    IF outcome IS NULL THEN
        SELECT * INTO offer FROM mb_offer(slot, request);
        outcome := offer.outcome;
    END IF;
    IF outcome IS NULL THEN
        at := date_trunc('milliseconds', mb_now()); -- after the lock, so in the order of the timeline
        person := mb_person_hash(request ->> 'clientId', request ->> 'guestEmail', request ->> 'guestPhone',
                                 request ->> 'guestWhatsapp');
        outcome := mb_over_ceiling(owner, (request ->> 'mostOfProvider')::integer, person,
                                   (request ->> 'mostOfPerson')::integer, at);
    END IF;
    IF outcome IS NULL THEN
        INSERT INTO "Booking" (
            "id", "slotId", "createdById", "clientId", "guestName", "guestEmail", "guestPhone", "guestWhatsapp",
            "price", "isOnline", "isInPerson", "status", "notes", "confirmedAt", "createdAt", "updatedAt",
            "reference", "providerId", "serviceId", "serviceConfigId", "locationId", "startTime", "endTime",
            "bufferBefore", "bufferAfter", "organizationId", "personHash")
        VALUES (
            request ->> 'bookingId', slot, request ->> 'userId', request ->> 'clientId', request ->> 'guestName',
            request ->> 'guestEmail', request ->> 'guestPhone', request ->> 'guestWhatsapp',
            offer."price", offer."isOnline", NOT offer."isOnline",
            CASE WHEN offer."requiresConfirmation" THEN 'PENDING' ELSE 'CONFIRMED' END::"BookingStatus",
            request ->> 'notes', CASE WHEN NOT offer."requiresConfirmation" THEN at END, at, at,
            request ->> 'reference', owner, offer."serviceId", offer."serviceConfigId", offer."locationId",
            offer."startTime", offer."endTime", offer."bufferBefore", offer."bufferAfter", offer."organizationId",
            person)
        RETURNING * INTO b;
        outcome := 'created';
    ELSIF outcome = 'slot_taken' THEN
        -- By this very call, perhaps: sent again because its answer was lost.
        SELECT * INTO b FROM "Booking" x WHERE x."id" = request ->> 'bookingId' AND x."slotId" = slot;
        IF FOUND THEN
            outcome := 'replayed';
        END IF;
    END IF;
    IF b."id" IS NOT NULL THEN
        booking_id := b."id";
        booking_version := b."version";
        token_version := b."tokenVersion";
        answer := mb_booking_body(b);
    END IF;
    IF outcome <> 'created' THEN
        PERFORM mb_wrote_nothing();
    ELSIF NOT mb_conclude(b, 'created', request, answer, reach) THEN
        RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_book(jsonb) IS
    'books a slot once: created, replayed, idempotency_mismatch, or why not, as slot_taken';

CREATE OR REPLACE FUNCTION mb_point(point jsonb, starts timestamptz, ends timestamptz) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
SELECT CASE point ->> 'of' WHEN 'startTime' THEN starts WHEN 'endTime' THEN ends END
       + coalesce(point ->> 'plus', '0')::interval
$$;
COMMENT ON FUNCTION mb_point(jsonb, timestamptz, timestamptz) IS
    'a time beside those of a booking, {"of": "startTime", "plus": "-2h"}; null for none';

-- One step of a booking's workflow (lua/workflows/states/booking.lua says which there are). Two steps of
-- one booking at once queue for the agenda; the second sees what the first made of it.
-- `request`: bookingId, version expected, action, fromStatuses, toStatus, event, reasonCode, reason, notice, begun,
-- and who asks how, as for mb_book. What is unknown is left out.
CREATE OR REPLACE FUNCTION mb_move_booking(request jsonb)
    RETURNS TABLE (outcome text, status text, booking_id text, booking_version integer, answer text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    booking constant text := request ->> 'bookingId';
    to_status constant text := request ->> 'toStatus';
    actor constant text := request ->> 'userId';
    at timestamptz;
    b "Booking"%ROWTYPE;
BEGIN
    SELECT * INTO b FROM "Booking" x WHERE x."id" = booking;
    IF request -> 'fromStatuses' ? b."status"::text THEN
        PERFORM FROM "ProviderAgenda" WHERE "providerId" = b."providerId" FOR NO KEY UPDATE;
        SELECT * INTO b FROM "Booking" x WHERE x."id" = booking; -- what it became while we waited
    END IF;
    IF request ? 'key' THEN
        RETURN QUERY SELECT k.outcome, b."status"::text, k."resourceId", (k."body"::json ->> 'version')::integer, k."body"
                       FROM mb_answer(actor, request ->> 'route', request ->> 'key', request ->> 'hash') k;
        IF FOUND THEN
            PERFORM mb_wrote_nothing();
            RETURN;
        END IF;
    END IF;
    at := date_trunc('milliseconds', mb_now());
    outcome := CASE WHEN b."id" IS NULL THEN 'booking_not_found'
                    WHEN b."version" <> (request ->> 'version')::integer THEN 'version_mismatch'
                    WHEN NOT request -> 'fromStatuses' ? b."status"::text THEN 'transition_not_allowed'
                    WHEN at > mb_point(request -> 'closes', b."startTime", b."endTime") THEN 'too_late'
                    WHEN at < mb_point(request -> 'opens', b."startTime", b."endTime") THEN 'too_early'
                    ELSE 'moved' END;
    IF outcome <> 'moved' THEN
        answer := CASE outcome
                      WHEN 'too_late' THEN mb_instant(mb_point(request -> 'closes', b."startTime", b."endTime"))
                      WHEN 'too_early' THEN mb_instant(mb_point(request -> 'opens', b."startTime", b."endTime")) END;
        PERFORM mb_wrote_nothing();
    ELSE
        WITH noted AS (
            INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus", "userId",
                                         "reasonCode", "createdAt")
            VALUES ('Booking', booking, request ->> 'action', b."status"::text, to_status, actor,
                    request ->> 'reasonCode', at)
        )
        UPDATE "Booking" x
           SET "status" = to_status::"BookingStatus",
               "slotId" = CASE WHEN to_status <> 'CANCELLED' THEN x."slotId" END,
               "confirmedAt" = CASE WHEN to_status = 'CONFIRMED' THEN at ELSE x."confirmedAt" END,
               "confirmedById" = CASE WHEN to_status = 'CONFIRMED' THEN actor ELSE x."confirmedById" END,
               "cancelledAt" = CASE WHEN to_status = 'CANCELLED' THEN at END,
               "cancelledById" = CASE WHEN to_status = 'CANCELLED' THEN actor END,
               "reasonCode" = request ->> 'reasonCode', "cancelReason" = request ->> 'reason',
               "version" = x."version" + 1, "updatedAt" = at
         WHERE x."id" = booking
        RETURNING x.* INTO b;
        IF to_status = 'CANCELLED' THEN
            PERFORM mb_refresh(b."providerId", b."startTime", b."endTime");
        END IF;
        answer := mb_booking_body(b);
        IF NOT mb_conclude(b, request ->> 'event', request, answer, NULL) THEN
            RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    status := b."status"::text;
    booking_id := b."id";
    booking_version := b."version";
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_move_booking(jsonb) IS
    'moves a booking from one of these statuses to another: moved, replayed, or why not; without opens and closes at any time';

RESET ROLE;
