-- What providers are asked and have answered.
local query = require "mb.query"

return {
  -- Keeps others from moving the provider's status, answering or reviewing until the transaction ends. $1 provider.
  lock = query.write("submissions.lock", [[SELECT p."id" FROM "Provider" p WHERE p."id" = $1 FOR NO KEY UPDATE]]),

  -- What a provider is asked by its types and is not retired, in the order in which it is shown, each with the answer
  -- if there is one ("status" is null without). "isCovered": an approved copy of the answer counts now. $1 provider.
  of_provider = query.read("submissions.of_provider", [[
SELECT r."id", r."name", r."isRequired", r."validationType", r."validationConfig", t."name" AS "providerType",
       r."slug", t."slug" AS "typeSlug", s."status",
       coalesce(s."approvedAt" IS NOT NULL AND coalesce(s."expiresAt", 'infinity') > c.now, false) AS "isCovered"
  FROM (SELECT mb_now() AS now) c
 CROSS JOIN "ProviderTypeAssignment" a
  JOIN "ProviderType" t ON t."id" = a."providerTypeId"
  JOIN "RequirementType" r ON r."providerTypeId" = t."id" AND r."isActive"
  LEFT JOIN "RequirementSubmission" s ON s."requirementTypeId" = r."id" AND s."providerId" = a."providerId"
 WHERE a."providerId" = $1
 ORDER BY t."name", r."displayPriority", r."id"]]),
}
