-- What an organization has: an ultrasound, a chair, a wheelchair to lend.
local field = require "mb.field"
local rules = require "permissions.devices"

return require("mb.resource").new {
  name = "devices", table = "Device",
  fields = {
    organizationId = field.id { create = true, required = true, of = "Organization" },
    name = field.line { create = true, change = true, required = true, max = 100, example = "Ultrasound" },
    isPortable = field.boolean { create = true, change = true, default = false },
    serialNumber = field.line { create = true, change = true, nullable = true, max = 100, shown_to = rules.manage },
    servicedAt = field.instant { create = true, change = true, nullable = true },
  },
  list = { sort = { "name", "-createdAt" }, filter = { organizationId = "=" } },
  may = { view = rules.view, create = rules.manage, change = rules.manage, delete = rules.manage },
  refuse = { Device_name_key = "name_taken" },
}
