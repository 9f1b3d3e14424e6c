-- To an administrator: somebody has registered as a provider.
local config = require "mb.config"
local db = require "mb.db"
local links = require "workflows.links"
local provider_states = require "queries.provider_states"

return function(payload)
  local it = db.query(provider_states.waiting, payload.userId, payload.providerId)[1]
  return it and {
    to = it.email, subject = "A provider waits for approval",
    text = links.letter(it.name, {
      ("somebody has registered as a provider by the name of \"%s\", and waits for approval:"):format(it.provider),
      ("%s/v1/providers/%s"):format(config "http.public_url", payload.providerId),
    }),
  }
end
