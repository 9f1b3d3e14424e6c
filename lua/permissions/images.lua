-- Images of providers. The row is that of queries/documents.lua `image_of`.
local may = require "permissions.may"

local party = may.any { may.provider_self, may.platform_role "ADMIN" }

return may.rules("images", { provider = "id", shown = "isShown" }, {
  view = may.any { may.shown, party },
  change = party,
})
