-- Writes to a provider what became of it, and to administrators that there is a new one: a mail for each event.
local db = require "mb.db"
local mail = require "workflows.mail"
local provider_states = require "queries.provider_states"
local states = require "workflows.states.provider"

local events = {}
for _, event in ipairs(states:events()) do
  events[#events + 1] = event ~= "provider.changed" and event or nil -- by itself
end

return {
  kind = "providers.tell", max_attempts = 10, backoff = { first = "5s", most = "10min" }, lease = "1min",
  events = events,
  run = function(job)
    local it = job.payload
    db.tx(function(tx)
      mail.send("provider-status", { providerId = it.resourceId, event = it.type, at = it.createdAt }, { tx = tx })
      for _, admin in ipairs(it.type == "provider.created" and tx:query(provider_states.admins) or {}) do
        mail.send("provider-waits", { userId = admin.id, providerId = it.resourceId }, { tx = tx })
      end
      job:finish(tx)
    end)
  end,
}
