-- Slots: what can be booked, and why not. Which availabilities count is said by mb_provider_standing
-- and mb_availability_standing (migrations/R__functions.sql), as for booking itself.
local query = require "mb.query"

-- Holds are few, so a slot is compared with them only when the provider, given as an expression,
-- has any.
local function not_held(provider)
  return ([[

   AND CASE WHEN EXISTS (SELECT FROM "SlotHold" h WHERE h."providerId" = %s AND h."expiresAt" > mb_now())
            THEN NOT EXISTS (SELECT FROM "SlotHold" h
                              WHERE h."providerId" = s."providerId" AND h."expiresAt" > mb_now()
                                AND h."startTime" < s."endTime" AND h."endTime" > s."startTime")
            ELSE true END]]):format(provider)
end

local FILTERS <const> = [[

   AND s."startTime" >= greatest($4::timestamptz, $8::timestamptz, (SELECT mb_now()))
   AND s."startTime" < $5::timestamptz AND s."endTime" <= $5::timestamptz AND s."status" = 'AVAILABLE'
   AND ($6::boolean IS NULL OR CASE WHEN $6 THEN s."isOnlineAvailable" ELSE s."isInPerson" END)
   AND ($8::timestamptz IS NULL OR (s."startTime", s."id") > ($8, $9::text))]]

-- A search over providers by one condition. OFFSET 0 has the slots put in order first and judged
-- after that, one by one, until the page is full. Providers and availabilities are judged once, and
-- names looked up for the page alone.
local function over_providers(condition)
  return [[
SELECT s."id", s."providerId", p."name" AS "providerName", s."serviceId", v."name" AS "serviceName",
       s."locationId", l."name" AS "locationName", s."startTime", s."endTime",
       CASE WHEN p."showPrice" THEN s."price" END AS "price", s."isOnlineAvailable", s."isInPerson"
  FROM (SELECT s.*
          FROM (SELECT s.* FROM "CalculatedAvailabilitySlot" s
                 WHERE s."status" = 'AVAILABLE' AND s."startTime" < $5::timestamptz
                   AND s."startTime" >= greatest($4::timestamptz, $8::timestamptz, (SELECT mb_now()))
                   AND ]] .. condition .. [[

                 ORDER BY s."startTime", s."id"
                OFFSET 0) s
         WHERE s."providerId" IN (SELECT ps."id" FROM mb_provider_standing() ps WHERE ps.is_open) IS TRUE
           AND s."availabilityId" IN (
               SELECT a."id" FROM mb_availability_standing() a
                WHERE a."startTime" < $5::timestamptz AND a."endTime" > $4::timestamptz AND a.is_open) IS TRUE]]
    .. FILTERS .. not_held 's."providerId"' .. [[

         ORDER BY s."startTime", s."id"
         LIMIT $7) s
  JOIN "Provider" p ON p."id" = s."providerId"
  JOIN "Service" v ON v."id" = s."serviceId"
  LEFT JOIN "Location" l ON l."id" = s."locationId"
 ORDER BY s."startTime", s."id"]]
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
    .. FILTERS .. not_held "$1" .. [[

 ORDER BY s."startTime", s."id"
 LIMIT $7]]),

  -- The same over all providers of a service, perhaps at one location, with names, as the page has
  -- many. Parameters as for search; $1 is null.
  search_service = query.read("slots.search_service",
    over_providers [[s."serviceId" = $2 AND ($3::text IS NULL OR s."locationId" = $3) AND $1::text IS NULL]]),

  -- The same over all providers and services of a location. $1 and $2 are null.
  search_location = query.read("slots.search_location",
    over_providers [[s."locationId" = $3 AND $1::text IS NULL AND $2::text IS NULL]]),

  -- What stands once per page: one row with the lists providers, services and locations that the
  -- slots of a provider refer to. $1 provider or null, $2 service or null, $3 location or null.
  facts = query.read("slots.facts", [[
SELECT to_json(ARRAY(
         SELECT x FROM (
           SELECT p."id", p."name", p."image", p."languages", p."averageRating", p."totalReviews", p."timeZone"
             FROM "Provider" p
             JOIN mb_provider_standing() ps ON ps."id" = p."id"
            WHERE p."id" = $1 AND ps.is_open) x)) AS "providers",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT v."id", v."name", v."description"
             FROM "Service" v
            WHERE ($2::text IS NULL OR v."id" = $2)
              AND ($1 IS NULL AND v."id" = $2 OR v."id" IN (
                  SELECT c."serviceId" FROM "ServiceAvailabilityConfig" c WHERE c."providerId" = $1))
            ORDER BY v."displayPriority", v."name") x)) AS "services",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT l."id", l."name", l."formattedAddress", l."coordinates"
             FROM "Location" l
            WHERE ($3::text IS NULL OR l."id" = $3)
              AND ($1 IS NULL AND l."id" = $3 OR l."id" IN (
                  SELECT c."locationId" FROM "ServiceAvailabilityConfig" c WHERE c."providerId" = $1))
            ORDER BY l."name") x)) AS "locations"]]),

  -- Why a slot cannot be booked by just anybody: outcome (null when it can) and, when that is
  -- not_bookable, the reason, which is for the provider, staff and admins. $1 slot; no row when
  -- there is no such slot.
  explain = query.read("slots.explain", [[
SELECT nullif(r.outcome, 'mode_required') AS "outcome", r.reason AS "reason"
  FROM mb_offer($1, NULL, NULL, NULL) r]]),
}
