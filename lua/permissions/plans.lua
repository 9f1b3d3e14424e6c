-- What is for sale is for everybody to see; what was is for those who decide about it.
local may = require "permissions.may"

return may.rules("plans", { shown = "isActive" }, {
  view = may.any { may.shown, may.platform_role "SUPER_ADMIN" },
  manage = may.platform_role "SUPER_ADMIN",
})
