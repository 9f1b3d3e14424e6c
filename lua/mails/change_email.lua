-- To the address that an account is to have from now on: verifies it.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.open_verification, payload.userId, true)[1]
  return it and {
    to = it.email, subject = "Confirm your new e-mail address",
    text = links.letter(nil, {
      "your account is to have this e-mail address from now on. Open this page and type your password:",
      links.page("verify-email", "verify", it.id),
      "Until then your account keeps the address that it has.",
    }),
  }
end
