-- Whoever is signed in may register an organization, and owns it then. Everybody sees those that are in service.
local may = require "permissions.may"

local admin = may.platform_role "ADMIN"
local chief = may.any { may.organization_role "ADMIN", admin }

return may.rules("organizations", { organization = "id", shown = "_isListed" }, {
  create = may.signed_in,
  view = may.any { may.shown, may.organization_role "STAFF", admin },
  inspect = may.any { may.organization_role "STAFF", admin }, -- its status, trial and billing
  change = chief,
  own = may.organization_role "OWNER", -- its trial, and giving up
  decide = admin, -- approve, reject, reset, suspend, reinstate, activate
  bill = may.any { may.organization_permission "MANAGE_BILLING", admin }, -- how it is billed
})
