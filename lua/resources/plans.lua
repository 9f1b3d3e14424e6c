-- What can be subscribed to, and what slots cost under it. A plan is retired, never deleted.
local field = require "mb.field"
local rules = require "permissions.plans"
local validation = require "validation.plans"

return require("mb.resource").new {
  name = "plans", table = "SubscriptionPlan", one = "plan", title = "Plan", tells = "plan",
  fields = {
    slug = field.slug { create = true, required = true, max = 60, example = "standard" },
    name = field.line { create = true, change = true, required = true, max = 100, example = "Standard" },
    description = field.text { create = true, change = true, nullable = true, max = 2000,
      example = "30 slots a month, and as many more as you like." },
    basePrice = field.decimal { create = true, change = true, required = true, min = "0", example = "300.00" },
    currency = field.line { create = true, change = true, default = "ZAR", max = 3, example = "ZAR" },
    interval = field.enum { create = true, change = true, required = true, words = { "MONTHLY" },
      type = "BillingInterval" },
    includedSlots = field.integer { create = true, change = true, default = 30, min = 0, max = 1000000, example = 30,
      description = "of the base price, in one interval" },
    tierPricing = field.json { create = true, change = true, required = true,
      example = { ["31-100"] = 5, ["101-300"] = 4, ["301+"] = 3 },
      description = "the price of each slot beyond the included ones, by the range in which it stands, as 31-100; "
        .. "the last range is open, as 301+; a change sends all of them" },
    features = field.json { create = true, change = true, nullable = true, example = { reports = true },
      description = "what people are told of it beside its price" },
    maxProviders = field.integer { create = true, change = true, nullable = true, min = 1, max = 100000, example = 10 },
    maxLocations = field.integer { create = true, change = true, nullable = true, min = 1, max = 100000, example = 3 },
    isActive = field.boolean { create = true, change = true, default = true,
      description = "false: it is retired; nobody subscribes to it, and others do not see it" },
  },
  list = { sort = { "name", "-name" } },
  may = { view = rules.view, create = rules.manage, change = rules.manage },
  refuse = { SubscriptionPlan_slug_key = "slug_taken" },
  check = validation.check,
}
