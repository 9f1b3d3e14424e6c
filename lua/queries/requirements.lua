-- What providers of a type are asked.
local query = require "mb.query"

return {
  -- Those of $1, ids, that there are.
  organizations = query.read("requirements.organizations",
    [[SELECT o."id" FROM "Organization" o WHERE o."id" = ANY($1::text[])]]),

  -- The slugs of provider types with those of their requirements, retired ones too; a type without any has one row
  -- whose slug is null.
  slugs = query.read("requirements.slugs", [[
SELECT p."slug" AS "providerType", r."slug"
  FROM "ProviderType" p
  LEFT JOIN "RequirementType" r ON r."providerTypeId" = p."id"]]),

  -- The requirements of a provider type that are asked, in the order in which they are shown. A type without any has
  -- one row whose id is null. `today`: the day it is, as 2026-11-26; `isActive`: of the type. $1 provider type, its id
  -- or slug, $2 time zone of that day.
  of_type = query.read("requirements.of_type", [[
SELECT r."id", r."slug", r."name", r."description", r."isRequired", r."validationType", r."validationConfig",
       r."effectiveFrom", p."slug" AS "providerType", p."isActive",
       to_char(mb_now() AT TIME ZONE $2, 'YYYY-MM-DD') AS "today"
  FROM (SELECT t."id", t."slug", t."isActive"
          FROM "ProviderType" t WHERE $1 IN (t."id", t."slug") ORDER BY t."id" = $1 DESC LIMIT 1) p
  LEFT JOIN "RequirementType" r ON r."providerTypeId" = p."id" AND r."isActive"
 ORDER BY r."displayPriority", r."id"]]),
}
