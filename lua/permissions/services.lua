-- The catalogue of services is for everybody to see and for the platform to keep.
local may = require "permissions.may"

return may.rules("services", {}, {
  view = may.public,
  manage = may.platform_role "ADMIN",
})
