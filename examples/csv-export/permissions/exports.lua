-- Who may take data out in bulk.
local may = require "permissions.may"

return may.rules("exports", {}, {
  read = may.platform_role "ADMIN",
})
