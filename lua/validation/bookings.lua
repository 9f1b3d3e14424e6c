-- What the bodies of booking routes may hold.

-- Addresses that stand as column defaults in the database and belong to nobody.
local PLACEHOLDERS <const> = { ["default@example.com"] = true, ["+1234567890"] = true }

local function contact(value, fail)
  if not (value.guestEmail or value.guestPhone or value.guestWhatsapp) then
    fail("/guestEmail", "or guestPhone or guestWhatsapp is required: the clinic must be able to reach the patient")
  end
  for _, key in ipairs { "guestEmail", "guestPhone", "guestWhatsapp" } do
    if value[key] and PLACEHOLDERS[value[key]:lower()] then
      fail("/" .. key, "is a placeholder, not an address")
    end
  end
end

local create = {
  type = "object",
  required = { "slotId" },
  properties = {
    slotId = { type = "string", minLength = 1, maxLength = 64, description = "id of a slot of GET /v1/slots" },
    clientId = { type = "string", minLength = 1, maxLength = 64, description = "the patient, a registered user" },
    guestName = { type = "string", minLength = 1, maxLength = 200, description = "the patient without an account" },
    guestEmail = { type = "string", format = "email" },
    guestPhone = { type = "string", format = "phone" },
    guestWhatsapp = { type = "string", format = "phone" },
    isOnline = { type = "boolean", description = "required when the slot is offered both online and in person" },
    notes = { type = "string", maxLength = 2000 },
  },
  check = function(value, fail)
    local is_guest = value.guestName or value.guestEmail or value.guestPhone or value.guestWhatsapp
    if value.clientId and is_guest then
      fail("/clientId", "cannot stand beside guest fields: a booking is for a user or for a guest")
    elseif is_guest then
      if not value.guestName then
        fail("/guestName", "is required for a guest")
      end
      contact(value, fail)
    end
  end,
}

local reason = {
  type = "object",
  properties = {
    reason = { type = "string", maxLength = 500, description = "why, in words" },
  },
}

-- Nothing, or an empty object.
local none = { type = "object", properties = {} }

return { create = create, reason = reason, none = none }
