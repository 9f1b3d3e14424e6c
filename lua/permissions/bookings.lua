-- Who may do what with a booking. The row is that of queries/bookings.lua `get`.
local may = require "permissions.may"

-- Those who run the appointment.
local clinic = may.any {
  may.provider_self,
  may.organization_permission "MANAGE_BOOKINGS",
  may.platform_role "ADMIN",
}

-- The patient who is signed in, or whoever holds the token that the booking's creator was given.
local patient = may.any { may.token_holder, may.owner }

return may.rules("bookings", {
  owner = "clientId", provider = "providerId", organization = "organizationId", location = "locationId", token = true,
}, {
  create = may.public,
  view = may.any { patient, clinic },
  cancel = may.any { patient, clinic },
  unlimited = may.platform_role "ADMIN", -- books for as many guests as they like, as staff does
  manage = clinic, -- confirm, decline, complete, no-show
})
