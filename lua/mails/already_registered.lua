-- To somebody whose address was registered again.
local accounts = require "queries.accounts"
local db = require "mb.db"
local links = require "workflows.links"

return function(payload)
  local it = db.query(accounts.address, payload.userId)[1]
  return it and {
    to = it.email, subject = "You have an account already",
    text = links.letter(it.name, {
      "somebody, probably you, has tried to register with this e-mail address, which has an account already. Sign in "
        .. "with it; if you have forgotten your password, ask for a new one there.",
      "Nothing has changed.",
    }),
  }
end
