-- What providers of a type are asked.
local query = require "mb.query"

return {
  -- Those of $1, ids, that there are.
  organizations = query.read("requirements.organizations",
    [[SELECT o."id" FROM "Organization" o WHERE o."id" = ANY($1::text[])]]),

  -- Provider types with the names of their requirements; a type without any has one row whose name is null.
  names = query.read("requirements.names", [[
SELECT p."name" AS "providerType", r."name"
  FROM "ProviderType" p
  LEFT JOIN "RequirementType" r ON r."providerTypeId" = p."id"]]),
  -- The requirements of a provider type, in the order in which they are shown. A type without any has one
  -- row whose id is null. `today`: the day it is, as 2026-11-26. $1 provider type, $2 time zone of that day.
  of_type = query.read("requirements.of_type", [[
SELECT r."id", r."name", r."description", r."isRequired", r."validationType", r."validationConfig",
       p."name" AS "providerType", to_char(mb_now() AT TIME ZONE $2, 'YYYY-MM-DD') AS "today"
  FROM "ProviderType" p
  LEFT JOIN "RequirementType" r ON r."providerTypeId" = p."id"
 WHERE p."id" = $1
 ORDER BY r."displayPriority", r."id"]]),
}
