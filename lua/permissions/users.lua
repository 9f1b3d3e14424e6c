-- Accounts: one's own, and all for the platform.
local may = require "permissions.may"

return may.rules("users", { owner = "id" }, {
  view = may.any { may.owner, may.platform_role "ADMIN" },
  lock = may.platform_role "ADMIN", -- USERs; whom else, is looked at where it is done (mb_administer)
  give_role = may.platform_role "SUPER_ADMIN",
})
