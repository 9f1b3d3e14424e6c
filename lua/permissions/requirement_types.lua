-- What providers are asked is for everybody to see and for the platform to say, with what was asked once.
local may = require "permissions.may"

return may.rules("requirement_types", { shown = "isActive" }, {
  view = may.any { may.shown, may.platform_role "ADMIN" },
  manage = may.platform_role "ADMIN",
})
