-- The devices of an organization are for its members to see, and for those who run its locations to keep.
local may = require "permissions.may"

return may.rules("devices", { organization = "organizationId" }, {
  view = may.organization_role "STAFF",
  manage = may.organization_permission "MANAGE_LOCATIONS",
})
