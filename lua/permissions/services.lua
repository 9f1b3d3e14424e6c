-- The catalogue of services is for everybody to see and for the platform to keep, with what was in it.
local may = require "permissions.may"

return may.rules("services", { shown = "isActive" }, {
  view = may.any { may.shown, may.platform_role "ADMIN" },
  manage = may.platform_role "ADMIN",
})
