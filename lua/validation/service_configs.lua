-- What requests about a provider's configurations of services may hold.
local field = require "mb.field"
local with = require "mb.with"

local PRICE <const> = field.decimal { min = "0", example = "450.00" }

local function minutes(least, most, description)
  return { type = "integer", minimum = least, maximum = most, description = description }
end

local CHANGEABLE <const> = {
  duration = with(minutes(1, 1440, "minutes; slots that were cut before keep theirs"), { example = 30 }),
  price = with(PRICE.input, { description = "of all slots that nobody has booked, from now on" }),
  isOnlineAvailable = { type = "boolean" }, isInPerson = { type = "boolean" },
  bufferBefore = minutes(0, 240, "minutes kept free before a booking"),
  bufferAfter = minutes(0, 240, "minutes kept free after a booking"),
}

local function id(example)
  return { type = "string", format = "line", minLength = 1, maxLength = 64, example = example }
end

-- Notes what is wrong with a price beside its schema.
local function check_price(value, fail)
  local why = value.price and PRICE.wrong(value.price)
  if why then
    fail("/price", why)
  end
end

return {
  create = {
    type = "object", title = "NewServiceConfig", required = { "serviceId" },
    properties = with(CHANGEABLE, {
      serviceId = with(id "general-practitioner.general-gp-consult", { description = "id, or <type>.<slug>" }),
      locationId = with(id "cm3b0q8zk0001v9l4h2d7x1ac", { description = "without it: at no place in particular" }),
      duration = with(CHANGEABLE.duration, { description = "minutes; that of the service unless it is told" }),
      price = with(CHANGEABLE.price, { description = "that of the service unless it is told" }),
      isOnlineAvailable = { type = "boolean", default = false },
      isInPerson = { type = "boolean", default = false, example = true },
      bufferBefore = with(CHANGEABLE.bufferBefore, { default = 0 }),
      bufferAfter = with(CHANGEABLE.bufferAfter, { default = 0 }),
    }),
    check = function(value, fail)
      check_price(value, fail)
      if not value.isOnlineAvailable and not value.isInPerson then
        fail("/isInPerson", "must be true, or isOnlineAvailable: there is no other way to meet")
      end
    end,
  },
  change = {
    type = "object", title = "ServiceConfigChange", merge = true,
    properties = with(CHANGEABLE, {
      isActive = { type = "boolean", description = "false: it is retired, nothing of it is shown or booked" },
    }),
    check = check_price,
  },
  list = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
