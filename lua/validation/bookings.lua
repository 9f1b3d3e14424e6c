-- What the bodies of booking routes may hold.
local refuse_placeholders = require "validation.placeholders"

local create = {
  type = "object",
  title = "NewBookingRequest",
  description = "for oneself, for the user that `clientId` names, or for a guest, whom the clinic must reach",
  required = { "slotId" },
  one_of = {
    { "guestName", "guestEmail" }, { "guestName", "guestPhone" }, { "guestName", "guestWhatsapp" }, { "clientId" }, {},
  },
  properties = {
    slotId = { type = "string", format = "line", maxLength = 64, example = "cm3b0q8zk0000v9l4h2d7x1ab",
      description = "id of a slot of GET /v1/slots" },
    clientId = { type = "string", format = "line", maxLength = 64, description = "the patient, a registered user" },
    guestName = { type = "string", format = "line", maxLength = 200, example = "Thandi Mokoena",
      description = "the patient without an account" },
    guestEmail = { type = "string", format = "email", example = "thandi@example.org" },
    guestPhone = { type = "string", format = "phone" },
    guestWhatsapp = { type = "string", format = "phone" },
    isOnline = { type = "boolean", example = false,
      description = "required when the slot is offered both online and in person" },
    notes = { type = "string", format = "text", maxLength = 2000 },
  },
  check = function(value, fail)
    local is_guest = value.guestName or value.guestEmail or value.guestPhone or value.guestWhatsapp
    if value.clientId and is_guest then
      fail("/clientId", "cannot stand beside guest fields: a booking is for a user or for a guest")
    end
    refuse_placeholders(value, { "guestEmail", "guestPhone", "guestWhatsapp" }, fail)
  end,
}

local reason = {
  type = "object",
  properties = {
    reason = { type = "string", format = "text", maxLength = 500, description = "why, in words",
      example = "I am ill" },
  },
}

-- Nothing, or an empty object.
local none = { type = "object", properties = {} }

return { create = create, reason = reason, none = none }
