-- Accounts: one's own, and all for the platform.
local may = require "permissions.may"

return may.rules("users", { owner = "id" }, {
  view = may.any { may.owner, may.platform_role "ADMIN" },
})
