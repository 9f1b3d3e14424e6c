-- Whoever is signed in may become a provider.
local may = require "permissions.may"

return may.rules("providers", {}, {
  create = may.signed_in,
})
