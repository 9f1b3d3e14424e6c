-- Writes to the owners of an organization what became of it, and to administrators that there is a new one.
local db = require "mb.db"
local mail = require "workflows.mail"
local organization_states = require "queries.organization_states"
local provider_states = require "queries.provider_states"
local states = require "workflows.states.organization"

local events = {}
for _, event in ipairs(states:events()) do
  events[#events + 1] = event ~= "organization.changed" and event or nil -- by itself
end

return {
  kind = "organizations.tell", max_attempts = 10, backoff = { first = "5s", most = "10min" }, lease = "1min",
  events = events,
  run = function(job)
    local it = job.payload
    db.tx(function(tx)
      for _, owner in ipairs(tx:query(organization_states.owners, it.resourceId)) do
        mail.send("organization-status", {
          organizationId = it.resourceId, userId = owner.id, event = it.type, at = it.createdAt,
        }, { tx = tx })
      end
      for _, admin in ipairs(it.type == "organization.created" and tx:query(provider_states.admins) or {}) do
        mail.send("organization-waits", { userId = admin.id, organizationId = it.resourceId }, { tx = tx })
      end
      job:finish(tx)
    end)
  end,
}
