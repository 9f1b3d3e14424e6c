-- Whoever is signed in may become a provider. The row is that of queries/providers.lua `any`.
local may = require "permissions.may"

return may.rules("providers", { provider = "id" }, {
  create = may.signed_in,
  change = may.any { may.provider_self, may.platform_role "ADMIN" },
})
