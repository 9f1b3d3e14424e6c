-- To an administrator: somebody has registered an organization.
local config = require "mb.config"
local db = require "mb.db"
local links = require "workflows.links"
local organization_states = require "queries.organization_states"

return function(payload)
  local it = db.query(organization_states.waiting, payload.userId, payload.organizationId)[1]
  return it and {
    to = it.email, subject = "An organization waits for approval",
    text = links.letter(it.name, {
      ("somebody has registered an organization by the name of \"%s\", which waits for approval:"):format(
        it.organization),
      ("%s/v1/organizations/%s"):format(config "http.public_url", payload.organizationId),
    }),
  }
end
