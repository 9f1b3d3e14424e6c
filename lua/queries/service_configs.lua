-- What providers take for their services, and how long: their standing configurations, not the copies of
-- availabilities. Everybody sees those of a provider that trades, but for retired ones, and prices where "showPrice"
-- says so.
local query = require "mb.query"

-- $2: the caller keeps them, or administers the platform.
local SHOWN <const> = [[c."id", c."providerId", c."serviceId", c."locationId", c."duration",
       CASE WHEN $2::boolean OR p."showPrice" THEN c."price" END AS "price", c."isOnlineAvailable", c."isInPerson",
       c."bufferBefore", c."bufferAfter", c."isActive", c."version", c."createdAt", c."updatedAt"]]

return {
  -- For rules: whose they are. $1 provider.
  owner = query.read("service_configs.owner", [[
SELECT p."id" AS "providerId", ps.refusal IS DISTINCT FROM 'provider_not_active' AS "_isPublic"
  FROM "Provider" p
  JOIN mb_provider_standing() ps ON ps."id" = p."id"
 WHERE p."id" = $1]]),

  -- Those of a provider in the order in which they were made. $1 provider, $2 as above, $3 limit, $4 and $5 time and
  -- id of the last one of the page before, or null.
  list = query.read("service_configs.list", [[
SELECT ]] .. SHOWN .. [[

  FROM "Provider" p
  JOIN "ServiceAvailabilityConfig" c ON c."providerId" = p."id"
 WHERE p."id" = $1 AND c."isStanding" AND ($2::boolean OR c."isActive")
   AND ($4::timestamptz IS NULL OR (c."createdAt", c."id") > ($4, $5::text))
 ORDER BY c."createdAt", c."id"
 LIMIT $3]]),

  -- One of a provider, with what rules look at. $1 provider, $2 as above, $3 config.
  get = query.read("service_configs.get", [[
SELECT ]] .. SHOWN .. [[,
       c."isActive" AND ps.refusal IS DISTINCT FROM 'provider_not_active' AS "_isPublic"
  FROM "ServiceAvailabilityConfig" c
  JOIN "Provider" p ON p."id" = c."providerId"
  JOIN mb_provider_standing() ps ON ps."id" = p."id"
 WHERE c."id" = $3 AND c."providerId" = $1 AND c."isStanding"]]),

  -- $1 request (mb_create_service_config). id and version: of the body, where there is one.
  create = query.write("service_configs.create", [[
SELECT x.outcome, x.body, x.body::json ->> 'id' AS "id", (x.body::json ->> 'version')::integer AS "version"
  FROM mb_create_service_config($1::jsonb) x]]),

  -- $1 request (mb_change_service_config).
  change = query.write("service_configs.change", [[
SELECT x.outcome, x.body, (x.body::json ->> 'version')::integer AS "version"
  FROM mb_change_service_config($1::jsonb) x]]),

  -- $1 request (mb_delete_service_config).
  delete = query.write("service_configs.delete", [[
SELECT x.outcome, x.holders FROM mb_delete_service_config($1::jsonb) x]]),
}
