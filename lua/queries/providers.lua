-- Providers as the public sees them: only those that trade (TRIAL, ACTIVE), never the seed's default
-- contact, no price where "showPrice" is false.
local query = require "mb.query"

-- The location l has $3 in its name, address or search terms.
local IS_NAMED <const> = [[position(lower($3) IN lower(
    concat_ws(chr(10), l."name", l."formattedAddress", array_to_string(l."searchTerms", chr(10))))) > 0]]

-- What is shown of the provider p; to whom prices are, by SQL.
local function shown(prices)
  return ([[SELECT p."id", p."name", p."bio", nullif(p."image", '') AS "image", p."languages"::text[] AS "languages",
       p."website",
       nullif(p."email", 'default@example.com') AS "email", nullif(p."whatsapp", '+1234567890') AS "whatsapp",
       p."showPrice", p."averageRating", p."totalReviews", p."timeZone",
       ARRAY(SELECT t."name" FROM "ProviderTypeAssignment" ta
               JOIN "ProviderType" t ON t."id" = ta."providerTypeId"
              WHERE ta."providerId" = p."id" ORDER BY t."name") AS "types",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT v."id", v."name", v."description", c."duration",
                  CASE WHEN %s THEN c."price"::text END AS "price",
                  c."locationId", c."isOnlineAvailable", c."isInPerson"
             FROM "ServiceAvailabilityConfig" c
             JOIN "Service" v ON v."id" = c."serviceId"
            WHERE c."providerId" = p."id" AND c."isStanding" AND c."isActive"
            ORDER BY v."displayPriority", v."name", v."id", c."locationId") x)) AS "services",
       to_json(ARRAY(
         SELECT x FROM (
           SELECT l."id", l."name", l."formattedAddress", l."coordinates", l."phone"
             FROM "Location" l
            WHERE l."id" IN (SELECT c."locationId" FROM "ServiceAvailabilityConfig" c
                            WHERE c."providerId" = p."id" AND c."isStanding" AND c."isActive")
            ORDER BY l."name") x)) AS "locations"]]):format(prices)
end

-- A list of providers p, each with its next free slot. from: what follows FROM "Provider" p; limit: one more than the
-- page holds; more: what is shown beside a card; fits: what slots s have to do too; lists: what these name. The page
-- comes first, in the order of its index; slots are looked for and types named for its rows alone: the one more, of
-- whom only whether there is one counts, has neither.
local function cards(it)
  local more = it.more or ""
  return (([[
WITH type AS MATERIALIZED (SELECT t."id", t."name", t."slug" FROM "ProviderType" t)]] .. (it.lists or "") .. [[

SELECT p."id", p."name", nullif(p."image", '') AS "image", p."languages", p."averageRating", p."totalReviews",
       p."timeZone",
       ARRAY(SELECT t."name" FROM "ProviderTypeAssignment" ta
               JOIN type t ON t."id" = ta."providerTypeId"
              WHERE ta."providerId" = p."id" AND p.place < $LIMIT ORDER BY t."name") AS "types",
       n."id" AS "nextSlotId", n."startTime" AS "nextSlotAt"]] .. more .. [[

  FROM (SELECT p.*, row_number() OVER (ORDER BY $ORDER) AS place FROM (
        SELECT p."id", p."name", p."image", p."languages"::text[] AS "languages", p."averageRating",
               p."totalReviews", p."timeZone"]] .. more .. [[

          FROM "Provider" p
         ]] .. it.from .. [[

         ORDER BY $ORDER
         LIMIT $LIMIT) p) p
  LEFT JOIN LATERAL (
      SELECT s."id", s."startTime"
        FROM "CalculatedAvailabilitySlot" s
        JOIN mb_availability_standing() a ON a."id" = s."availabilityId"
       WHERE s."providerId" = p."id" AND p.place < $LIMIT AND s."startTime" > (SELECT mb_now())
         AND s."status" = 'AVAILABLE' AND a.is_open
         AND ]] .. it.fits .. [[

         AND NOT EXISTS (SELECT FROM mb_holds(p."id", s."startTime", s."endTime", s."serviceConfigId"))
       ORDER BY s."startTime", s."id"
       LIMIT 1) n ON true
 ORDER BY $ORDER]]):gsub("%$(%u+)", { LIMIT = it.limit, ORDER = it.order }))
end

local OF_DESK <const> = [[, p."status", p."statusSince"]]
local IN_SERVICE <const> =
  [[EXISTS (SELECT FROM mb_provider_standing() ps WHERE ps."id" = p."id" AND ps.refusal IS NULL)]]

return {
  -- $1 request (mb_create_provider). id and version: of the body, where there is one.
  create = query.write("providers.create", [[
SELECT x.outcome, x.unknown, x.body, x.body::json ->> 'id' AS "id", (x.body::json ->> 'version')::integer AS "version"
  FROM mb_create_provider($1::jsonb) x]]),

  -- $1 request (mb_change_provider).
  change = query.write("providers.change", [[
SELECT x.outcome, x.body, (x.body::json ->> 'version')::integer AS "version" FROM mb_change_provider($1::jsonb) x]]),

  -- $1 request (mb_assign_types).
  assign_types = query.write("providers.assign_types", [[
SELECT x.outcome, x.unknown, x.stuck, x.added, x."isApproved" FROM mb_assign_types($1::jsonb) x]]),

  -- Ends what that began. $1 request (mb_conclude_types).
  conclude_types = query.write("providers.conclude_types", [[
SELECT x.version AS "version", x.body FROM mb_conclude_types($1::jsonb) x]]),

  -- One in any status. $1 provider.
  any = query.read("providers.any", [[
SELECT p."id", mb_provider_body(p."id") AS "body", p."version", p."status" FROM "Provider" p WHERE p."id" = $1]]),

  -- The one of a user, in any status. $1 user.
  own = query.read("providers.own", [[
SELECT mb_provider_body(p."id") AS "body", p."version" FROM "Provider" p WHERE p."userId" = $1]]),

  -- Bookable providers by name and id, with the next free slot that fits the filters. Each filter
  -- may be null: $1 provider type (id, slug or name), $2 service (id, slug behind that of its type and a point, or
  -- name), $3 part of a location's name, address or search terms, $4 language, $5 online (true) or in person (false).
  -- $6 limit: one more than the page holds. $7 and $8 name and id of the last one of the page before, or null.
  list = query.read("providers.list", cards {
    order = [[p."name", p."id"]], limit = "$6",
    lists = [[,
     service AS MATERIALIZED (
         SELECT v."id" FROM "Service" v JOIN type t ON t."id" = v."providerTypeId"
          WHERE $2 IN (v."id", v."name", t."slug" || '.' || v."slug"))]],
    from = [[CROSS JOIN LATERAL mb_standing_of(p."status"::text, p."compliantUntil") ps
         WHERE ps.is_open
           AND (p."name", p."id") > (coalesce($7::text, ''), coalesce($8::text, ''))
           AND ($4::text IS NULL OR p."languages" @> ARRAY[$4::"Languages"])
           AND ($1::text IS NULL OR EXISTS (
               SELECT FROM "ProviderTypeAssignment" ta
                 JOIN "ProviderType" t ON t."id" = ta."providerTypeId"
                WHERE ta."providerId" = p."id" AND $1 IN (t."id", t."slug", t."name")))
           AND (coalesce($2, $3, $5::boolean::text) IS NULL OR EXISTS (
               SELECT FROM "ServiceAvailabilityConfig" c
                 LEFT JOIN "Location" l ON l."id" = c."locationId"
                WHERE c."providerId" = p."id" AND c."isStanding" AND c."isActive"
                  AND ($2 IS NULL OR c."serviceId" IN (SELECT o."id" FROM service o))
                  AND ($5 IS NULL OR CASE WHEN $5 THEN c."isOnlineAvailable" ELSE c."isInPerson" END)
                  AND ($3::text IS NULL OR ]] .. IS_NAMED .. [[)))]],
    fits = [[($2::text IS NULL OR s."serviceId" IN (SELECT o."id" FROM service o))
         AND ($3::text IS NULL OR s."locationId" IN (SELECT l."id" FROM "Location" l WHERE ]] .. IS_NAMED .. [[))
         AND ($5::boolean IS NULL OR CASE WHEN $5 THEN s."isOnlineAvailable" ELSE s."isInPerson" END)]],
  }),

  -- Those of a status, for whoever decides about them, by name. $1 status, $2 limit: one more than the page holds, $3
  -- and $4 name and id of the last one of the page before, or null.
  of_status = query.read("providers.of_status", cards {
    order = [[p."name", p."id"]], limit = "$2", more = OF_DESK, fits = IN_SERVICE,
    from = [[WHERE p."status" = $1::"ProviderStatus"
           AND (p."name", p."id") > (coalesce($3::text, ''), coalesce($4::text, ''))]],
  }),

  -- Those who wait to be approved, the longest first. $1 limit: one more than the page holds, $2 and $3 "statusSince"
  -- and id of the last one of the page before, or null.
  waiting = query.read("providers.waiting", cards {
    order = [[p."statusSince", p."id"]], limit = "$1", more = OF_DESK, fits = IN_SERVICE,
    from = [[WHERE p."status" = 'PENDING_APPROVAL'
           AND (p."statusSince", p."id") > (coalesce($2::timestamptz, '-infinity'), coalesce($3::text, ''))]],
  }),

  -- One provider with types, services and locations. $1 provider; no row unless it trades.
  get = query.read("providers.get", shown [[p."showPrice"]] .. [[

  FROM "Provider" p
  JOIN mb_provider_standing() ps ON ps."id" = p."id"
 WHERE p."id" = $1 AND ps.refusal IS DISTINCT FROM 'provider_not_active']]),

  -- The same in any status, with what it and administrators read beside that, and its prices. $1 provider.
  whole = query.read("providers.whole", shown "true" .. [[,
       p."status", p."rejectionReason", p."approvedAt", p."trialStatus", p."trialStarted", p."trialEnded",
       ARRAY(SELECT ta."providerTypeId" FROM "ProviderTypeAssignment" ta
              WHERE ta."providerId" = p."id" ORDER BY ta."providerTypeId") AS "providerTypeIds",
       p."version", p."createdAt", p."updatedAt"
  FROM "Provider" p
 WHERE p."id" = $1]]),
}
