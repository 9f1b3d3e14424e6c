-- Which kinds of provider there are is for everybody to see and for the platform to say; those that there were are
-- for those who say it.
local may = require "permissions.may"

return may.rules("provider_types", { shown = "isActive" }, {
  view = may.any { may.shown, may.platform_role "ADMIN" },
  manage = may.platform_role "ADMIN",
})
