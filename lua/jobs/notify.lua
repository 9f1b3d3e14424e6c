-- Delivers one message by the channel that it was meant for.
local provisions = require "workflows.provisions"

return {
  kind = "server.notify", max_attempts = 10, backoff = { first = "5s", most = "1h" }, lease = "1min",
  run = function(job)
    local message = job.payload
    provisions.ask(provisions.find("channels", message.channel), "send", {
      id = job.id, to = message.to, subject = message.subject, text = message.text, data = message.data,
    })
  end,
}
