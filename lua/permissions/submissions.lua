-- Answers to what providers are asked: theirs, and for the platform to review. The row names the provider.
local may = require "permissions.may"

local party = may.any { may.provider_self, may.platform_role "ADMIN" }

return may.rules("submissions", { provider = "providerId" }, {
  view = party,
  answer = party,
  review = may.platform_role "ADMIN",
})
