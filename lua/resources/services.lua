-- The catalogue of what providers offer; what one of them takes for it and how long is a configuration of theirs.
local field = require "mb.field"
local rules = require "permissions.services"

return require("mb.resource").new {
  name = "services", table = "Service",
  fields = {
    name = field.line { create = true, change = true, required = true, max = 200, example = "Consultation" },
    slug = field.slug { create = true, filled = true, within = "providerTypeId", example = "consultation",
      description = "of its name, unless a new one says another; its type has no other one with it" },
    description = field.text { create = true, change = true, nullable = true, max = 2000,
      example = "First visit, with history." },
    providerTypeId = field.id { create = true, required = true, of = "ProviderType" },
    displayPriority = field.integer { create = true, change = true, default = 0, min = -1000, max = 1000,
      description = "services with a lower one are shown first" },
    defaultDuration = field.integer { create = true, change = true, required = true, min = 1, max = 1440, example = 30,
      description = "minutes" },
    defaultPrice = field.decimal { create = true, change = true, required = true, min = "0", example = "450.00" },
    isActive = field.boolean { create = true, change = true, default = true,
      description = "false: it is retired; no provider takes it up, and others do not see it" },
  },
  list = { sort = { "name", "-name" }, filter = { providerTypeId = "=", isActive = "=" } },
  may = { view = rules.view, create = rules.manage, change = rules.manage, delete = rules.manage },
  refuse = { Service_providerTypeId_slug_key = "slug_taken" },
  in_use = {
    ServiceAvailabilityConfig_serviceId_fkey = "configurations", Booking_serviceId_fkey = "bookings",
    CalculatedAvailabilitySlot_serviceId_fkey = "slots",
  },
}
