-- Who may look places up, which may cost the installation money.
local may = require "permissions.may"

return may.rules("places", {}, {
  search = may.signed_in,
})
