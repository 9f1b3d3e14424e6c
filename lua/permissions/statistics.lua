-- How much there is of everything is for those who administer the platform.
local may = require "permissions.may"

return may.rules("statistics", {}, { view = may.platform_role "ADMIN" })
