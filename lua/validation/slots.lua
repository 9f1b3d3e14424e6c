-- What the query of GET /v1/slots may hold.
local time = require "mb.time"

local DAY_MS <const> = 86400000
local MAX_DAYS <const> = 92

local id = { type = "string", minLength = 1, maxLength = 64, example = "cm3b0q8zk0000v9l4h2d7x1ab" }

return {
  search = {
    providerId = id,
    serviceId = id,
    locationId = id,
    from = { type = "string", format = "date-time", description = "default: now" },
    to = { type = "string", format = "date-time", description = "default: seven days after from; at most 92 days" },
    online = { type = "boolean", description = "true: online, false: in person" },
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
    one_of = { { "providerId" }, { "serviceId" }, { "locationId" } },
    check = function(value, fail)
      local from = value.from and time.parse(value.from) or time.now()
      local to = value.to and time.parse(value.to)
      if to and to <= from then
        fail("/to", "must be after from")
      elseif to and to - from > MAX_DAYS * DAY_MS then
        fail("/to", ("must be at most %d days after from"):format(MAX_DAYS))
      end
    end,
  },
}
