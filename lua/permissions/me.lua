-- What every signed-in user may do with their own account.
local may = require "permissions.may"

return may.rules("me", {}, {
  use = may.signed_in,
})
