-- Slots: what can be booked, and why not. Which availabilities count is said by mb_provider_standing
-- and mb_availability_standing (migrations/R__functions.sql), as for booking itself.
local query = require "mb.query"

-- Somebody else holds the slot's time. CASE has it asked slot by slot, by key.
local HELD <const> = [[EXISTS (
       SELECT FROM mb_holds(s."providerId", s."startTime", s."endTime", s."serviceConfigId"))]]
local NOT_HELD <const> = [[

   AND CASE WHEN ]] .. HELD .. [[ THEN false ELSE true END]]

-- The same of provider $1, who mostly has no holds at all.
local NOT_HELD_OF_ONE <const> = [[

   AND CASE WHEN NOT EXISTS (SELECT FROM "SlotHold" h WHERE h."providerId" = $1 AND h."expiresAt" > mb_now())
            THEN true WHEN ]] .. HELD .. [[ THEN false ELSE true END]]

local FILTERS <const> = [[

   AND s."startTime" >= greatest($4::timestamptz, $8::timestamptz, (SELECT mb_now()))
   AND s."startTime" < $5::timestamptz AND s."endTime" <= $5::timestamptz AND s."status" = 'AVAILABLE'
   AND ($6::boolean IS NULL OR CASE WHEN $6 THEN s."isOnlineAvailable" ELSE s."isInPerson" END)
   AND ($8::timestamptz IS NULL OR (s."startTime", s."id") > ($8, $9::text))]]

-- A search over providers by one condition, which an index serves in the order of time. OFFSET 0 has each slot
-- judged by keys as it comes, until the page is full: else all providers might be judged first.
local function over_providers(condition, service_name, location_name)
  return [[
SELECT s."id", s."providerId", p."name" AS "providerName", s."serviceId", ]] .. service_name .. [[ AS "serviceName",
       s."locationId", ]] .. location_name .. [[ AS "locationName", s."startTime", s."endTime",
       CASE WHEN p."showPrice" THEN s."price" END AS "price", s."isOnlineAvailable", s."isInPerson"
  FROM "CalculatedAvailabilitySlot" s
 CROSS JOIN LATERAL (
     SELECT p."name", p."showPrice"
       FROM "Provider" p
      CROSS JOIN LATERAL mb_standing_of(p."status"::text, p."compliantUntil") ps
      WHERE p."id" = s."providerId" AND ps.is_open
     OFFSET 0) p
 CROSS JOIN LATERAL (
     SELECT FROM mb_availability_standing() a WHERE a."id" = s."availabilityId" AND a.is_open OFFSET 0) a
 WHERE ]] .. condition .. FILTERS .. NOT_HELD .. [[

 ORDER BY s."startTime", s."id"
 LIMIT $7]]
end

-- The name of what the slot refers to.
local function name_of(relation, key)
  return ([[(SELECT x."name" FROM "%s" x WHERE x."id" = %s)]]):format(relation, key)
end

return {
  -- Free slots of one provider wholly inside a time, by start and id. $1 provider, $2 service or
  -- null, $3 location or null, $4 from, $5 to, $6 online (true), in person (false) or null, $7
  -- limit, $8 and $9 start and id of the last slot of the page before, or null.
  -- The provider and each availability are judged once, not once per slot.
  search = query.read("slots.search", [[
SELECT s."id", s."providerId", s."serviceId", s."locationId", s."startTime", s."endTime",
       CASE WHEN (SELECT "showPrice" FROM "Provider" WHERE "id" = $1) THEN s."price" END AS "price",
       s."isOnlineAvailable", s."isInPerson"
  FROM "CalculatedAvailabilitySlot" s
 WHERE s."providerId" = $1
   AND EXISTS (SELECT FROM mb_provider_standing() p WHERE p."id" = $1 AND p.is_open)
   AND s."availabilityId" = ANY (ARRAY(
       SELECT a."id" FROM mb_availability_standing() a
        WHERE a."providerId" = $1 AND a."startTime" < $5::timestamptz AND a."endTime" > $4::timestamptz
          AND a.is_open))
   AND ($2::text IS NULL OR s."serviceId" = $2) AND ($3::text IS NULL OR s."locationId" = $3)]]
    .. FILTERS .. NOT_HELD_OF_ONE .. [[

 ORDER BY s."startTime", s."id"
 LIMIT $7]]),

  -- The same over all providers of a service, perhaps at one location, with names, as the page has
  -- many. Parameters as for search; $1 is null.
  search_service = query.read("slots.search_service", over_providers(
    [[s."serviceId" = $2 AND ($3::text IS NULL OR s."locationId" = $3) AND $1::text IS NULL]],
    name_of("Service", "$2"), name_of("Location", [[s."locationId"]]))),

  -- The same over all providers and services of a location. $1 and $2 are null.
  search_location = query.read("slots.search_location", over_providers(
    [[s."locationId" = $3 AND $1::text IS NULL AND $2::text IS NULL]],
    name_of("Service", [[s."serviceId"]]), name_of("Location", "$3"))),

  -- What stands once per page: one row with the lists providers, services and locations that the
  -- slots of a provider refer to. $1 provider, $2 service or null, $3 location or null.
  facts = query.read("slots.facts", [[
SELECT to_json(ARRAY(
         SELECT x FROM (
           SELECT p."id", p."name", p."image", p."languages", p."averageRating", p."totalReviews", p."timeZone"
             FROM "Provider" p
            CROSS JOIN LATERAL mb_standing_of(p."status"::text, p."compliantUntil") ps
            WHERE p."id" = $1 AND ps.is_open) x)) AS "providers",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT v."id", v."name", v."description"
             FROM (SELECT DISTINCT c."serviceId" FROM "ServiceAvailabilityConfig" c
                    WHERE c."providerId" = $1 AND ($2::text IS NULL OR c."serviceId" = $2)) c
             JOIN "Service" v ON v."id" = c."serviceId"
            ORDER BY v."displayPriority", v."name") x)) AS "services",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT l."id", l."name", l."formattedAddress", l."coordinates"
             FROM (SELECT DISTINCT c."locationId" FROM "ServiceAvailabilityConfig" c
                    WHERE c."providerId" = $1 AND ($3::text IS NULL OR c."locationId" = $3)) c
             JOIN "Location" l ON l."id" = c."locationId"
            ORDER BY l."name") x)) AS "locations"]]),

  -- Whom permission rules ask about for a slot. $1 slot.
  place = query.read("slots.place", [[
SELECT s."providerId", s."locationId", a."organizationId"
  FROM "CalculatedAvailabilitySlot" s
  JOIN "Availability" a ON a."id" = s."availabilityId"
 WHERE s."id" = $1]]),

  -- Why a slot cannot be booked by just anybody: outcome (null when it can) and, when that is
  -- not_bookable, the reason, which is for the provider, staff and admins. $1 slot; no row when
  -- there is no such slot.
  explain = query.read("slots.explain", [[
SELECT nullif(r.outcome, 'mode_required') AS "outcome", r.reason AS "reason"
  FROM mb_offer($1, '{}') r]]),
}
