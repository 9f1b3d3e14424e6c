-- To whoever has a new password, in case it was not them.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.address, payload.userId)[1]
  return it and {
    to = it.email, subject = "Your password was changed",
    text = links.letter(it.name, {
      "the password of your account was changed, and other devices have to sign in again.",
      "If it was not you, ask for a new password at once.",
    }),
  }
end
