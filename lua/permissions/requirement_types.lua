-- What providers are asked is for everybody to see and for the platform to say.
local may = require "permissions.may"

return may.rules("requirement_types", {}, {
  view = may.public,
  manage = may.platform_role "ADMIN",
})
