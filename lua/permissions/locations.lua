-- Where organizations see patients. Everybody sees those of an organization in service that are not closed; a member
-- who is limited to certain locations manages those, and adds none.
local may = require "permissions.may"

local admin = may.platform_role "ADMIN"
local manager = may.any { may.organization_permission "MANAGE_LOCATIONS", admin }

return may.rules("locations", { organization = "organizationId", location = "id", shown = "_isListed" }, {
  view = may.any { may.shown, may.organization_role "STAFF", admin },
  create = manager, -- of its organization, as no location
  manage = manager,
})
