-- To whoever registered, at the address that they gave: verifies it.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.open_verification, payload.userId, false)[1]
  return it and {
    to = it.email, subject = "Confirm your e-mail address",
    text = links.letter(nil, {
      "somebody, probably you, has registered with this e-mail address. Open this page and type the password that you "
        .. "have chosen:",
      links.page("verify-email", "verify", it.id),
      "If it was not you, there is nothing to do: without the link nobody can use the account.",
    }),
  }
end
