-- What a provider takes for its services: everybody sees it of a provider that trades, the provider keeps it. The row
-- is that of queries/service_configs.lua.
local may = require "permissions.may"

return may.rules("service_configs", { provider = "providerId", shown = "_isPublic" }, {
  view = may.any { may.shown, may.provider_self, may.platform_role "ADMIN" },
  manage = may.any { may.provider_self, may.platform_role "ADMIN" },
})
