-- To whoever has forgotten their password: a link to a new one.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.open_reset, payload.userId)[1]
  return it and {
    to = it.email, subject = "Choose a new password",
    text = links.letter(it.name, {
      "somebody, probably you, has asked for a new password. Open this page to choose one:",
      links.page("reset-password", "reset", it.id),
      "If it was not you, there is nothing to do: your password stays as it is.",
    }),
  }
end
