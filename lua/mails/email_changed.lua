-- To the address that an account had before, in case it was not its owner who changed it.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.given_up, payload.tokenId)[1]
  return it and {
    to = it.email, subject = "Your e-mail address was changed",
    text = links.letter(it.name, {
      "your account has another e-mail address from now on, and this one is not used for it any more.",
      "If it was not you, tell the operator at once.",
    }),
  }
end
