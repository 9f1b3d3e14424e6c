-- Sends the code that verifies a number, by the channel of a plugin. Tried again while the code works.
local contacts = require "workflows.contacts"

return {
  kind = "server.contact_code", max_attempts = 8, backoff = { first = "2s", most = "2min" }, lease = "1min",
  run = function(job)
    contacts.deliver(job.payload.codeId, job.id)
  end,
}
