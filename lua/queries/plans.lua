-- Plans, as far as their prices go.
local query = require "mb.query"

local PRICED <const> = [[p."id", p."slug", p."name", p."currency", p."interval", p."includedSlots", p."basePrice",
       p."tierPricing", p."isActive"]]

return {
  -- $1 plan, its id or slug, in any state.
  find = query.read("plans.find", [[
SELECT ]] .. PRICED .. [[

  FROM "SubscriptionPlan" p
 WHERE $1 IN (p."id", p."slug")
 ORDER BY p."id" = $1 DESC
 LIMIT 1]]),

  -- Those that are for sale, by name. $1 how many at most.
  active = query.read("plans.active", [[
SELECT ]] .. PRICED .. [[

  FROM "SubscriptionPlan" p
 WHERE p."isActive"
 ORDER BY p."name", p."id"
 LIMIT $1]]),

  -- What a plan cost, the newest first. $1 plan, $2 limit, $3 number of the last one of the page before, or null.
  versions = query.read("plans.versions", [[
SELECT v."number", v."basePrice", v."currency", v."interval", v."includedSlots", v."tierPricing", v."createdAt"
  FROM "SubscriptionPlanPrice" v
 WHERE v."planId" = $1 AND ($3::integer IS NULL OR v."number" < $3)
 ORDER BY v."number" DESC
 LIMIT $2]]),
}
