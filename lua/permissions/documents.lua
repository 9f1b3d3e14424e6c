-- Documents by which providers prove what they are asked. The row is that of queries/documents.lua `of`.
local may = require "permissions.may"

local party = may.any { may.provider_self, may.platform_role "ADMIN" }

return may.rules("documents", { provider = "id" }, {
  view = party,
  change = party,
})
