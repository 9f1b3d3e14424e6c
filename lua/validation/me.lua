-- What requests about one's own account may hold.
local auth = require "validation.auth"
local refuse_placeholders = require "validation.placeholders"

local PROOF <const> = "that of the account; left out where it has none, and you have just signed in"

return {
  page = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
  change = {
    type = "object", title = "MeChange", merge = true,
    properties = {
      name = auth.name,
      phone = { type = "string", format = "phone", nullable = true, example = "+27825550123" },
      whatsapp = { type = "string", format = "phone", nullable = true, example = "+27825550123" },
    },
    check = function(value, fail) refuse_placeholders(value, { "phone", "whatsapp" }, fail) end,
  },
  change_password = auth.body({ "newPassword" }, { currentPassword = auth.typed(PROOF), newPassword = auth.new() }),
  change_email = auth.body({ "email" }, { email = auth.email, password = auth.typed(PROOF) },
    function(value, fail) refuse_placeholders(value, { "email" }, fail) end),
  api_key = auth.body({ "name", "permissions" }, {
    name = { type = "string", format = "line", maxLength = 100, example = "website" },
    permissions = {
      type = "array", maxItems = 100, items = { type = "string", format = "line", maxLength = 100 },
      example = { "bookings.create", "bookings.view" },
    },
    expiresAt = { type = "string", format = "date-time", description = "left out: until it is revoked" },
    password = auth.typed(PROOF),
  }),
  delete = auth.body(nil, { password = auth.typed(PROOF) }),
}
