-- Whoever is signed in may become a provider. The row is that of queries/providers.lua `any`; what the public sees of
-- one is nobody's question here.
local may = require "permissions.may"

local admin = may.platform_role "ADMIN"

return may.rules("providers", { provider = "id" }, {
  create = may.signed_in,
  view = may.any { may.provider_self, admin }, -- in any status, with what it says to itself alone
  change = may.any { may.provider_self, admin },
  own = may.provider_self, -- its trial, and giving up
  decide = admin, -- approve, reject, reset, suspend, reinstate, activate
})
