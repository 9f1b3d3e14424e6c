-- What makes a plan sound, across its fields, and what queries about plans may hold.
local money = require "mb.money"
local tier = require "mb.tier"

local MOST_SLOTS <const> = 999999999 -- of src/kernel/tier.h

-- Notes what is wrong with a plan that would be stored.
local function check(values, fail)
  if not money.has_cents(values.currency) then
    fail("/currency", "must be a currency of ISO 4217 that has two minor digits, such as ZAR")
  end
  local is_sound, range, why = tier.check(values.tierPricing, values.includedSlots)
  if not is_sound and range == "" then
    fail("/tierPricing", why)
  elseif not is_sound then
    fail("/tierPricing/" .. range:gsub("~", "~0"):gsub("/", "~1"), ("range '%s': %s"):format(range, why))
  end
end

return {
  check = check,
  quote = {
    slots = { type = "integer", minimum = 0, maximum = MOST_SLOTS, description = "of one interval" },
    compare = { type = "boolean", default = false, description = "true: the same under every active plan" },
    required = { "slots" },
  },
  versions = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
