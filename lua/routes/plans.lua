-- What slots cost under a plan, and what it cost before. Those that are one stand in resources/plans.lua.
local answers = require "validation.answers"
local cursor = require "mb.cursor"
local db = require "mb.db"
local json = require "mb.json"
local money = require "mb.money"
local plans = require "queries.plans"
local problem = require "mb.problem"
local tier = require "mb.tier"
local validation = require "validation.plans"

local MOST_COMPARED <const> = 100

local function find(req)
  return db.query(plans.find, req.params.id)[1]
end

-- nil when they cost more than there is.
local function quote(plan, slots)
  local base, included = plan.basePrice, plan.includedSlots
  local total, tiers = tier.quote(base, included, plan.tierPricing, slots)
  return total and {
    planId = plan.id, slug = plan.slug, name = plan.name, currency = plan.currency, interval = plan.interval,
    slots = slots, includedSlots = included, base = base, tiers = tiers, total = total,
  }
end

-- Amounts of two currencies do not compare: those of this one come first.
local function is_before(currency)
  return function(a, b)
    if a.currency ~= b.currency then
      return a.currency == currency or b.currency ~= currency and a.currency < b.currency
    end
    local order = money.compare(a.total, b.total)
    return order < 0 or order == 0 and (a.name < b.name or a.name == b.name and a.planId < b.planId)
  end
end

-- The quotes of all plans that are for sale, the cheapest first.
local function compare(plan, slots)
  local list = json.array()
  for _, row in ipairs(db.query(plans.active, MOST_COMPARED)) do
    list[#list + 1] = quote(row, slots)
  end
  table.sort(list, is_before(plan.currency))
  return list
end

return {
  {
    method = "GET", path = "/v1/plans/{id}/quote", permission = "plans.view", subject = find,
    summary = "What so many slots cost under a plan",
    description = "With `compare` also under every active plan, in `plans`: the cheapest first, those of another "
      .. "currency last, and none whose price would be over 99999999.99.",
    query = validation.quote, responses = { [200] = answers.quote }, errors = { [422] = { "amount_too_large" } },
    handler = function(req, plan)
      local slots = req.query.slots
      local it = quote(plan, slots)
      if not it then
        error(problem(422, "amount_too_large", "so many slots cost over 99999999.99",
          { errors = json.array { { pointer = "/slots", detail = "cost over 99999999.99" } } }))
      end
      it.plans = req.query.compare and compare(plan, slots) or nil
      return it
    end,
  },
  {
    method = "GET", path = "/v1/plans/{id}/versions", permission = "plans.view", subject = find,
    summary = "What a plan costs and what it cost before, the newest first",
    query = validation.versions, responses = { [200] = answers.plan_versions },
    handler = function(req, plan)
      local limit = req.query.limit
      local after = cursor.decode(req.query.cursor, "integer")
      local rows = db.query(plans.versions, plan.id, limit + 1, after)
      local last = rows:keep(limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(tostring(last.number)) or json.null }
    end,
  },
}
