-- Sends one mail. It may be sent twice, with one Message-ID: a server for mail may have taken what we did not hear of.
local log = require "mb.log"
local mail = require "workflows.mail"

return {
  kind = "server.mail", max_attempts = 10, backoff = { first = "1min", most = "1h" }, lease = "2min",
  run = function(job)
    local kind, sent = job.payload.kind, nil
    local it, failure = mail.compose(kind, job.payload.payload, job.id)
    if it then
      sent, failure = mail.deliver(it)
    end
    local why = failure and ("mail %s: %s: %s"):format(kind, failure.code, failure.detail)
    if sent and sent.file then
      log.info("a mail was written to a file: no server for mail is configured", { kind = kind, file = sent.file })
    elseif sent then
      log.info("a mail was sent", { job = job.id, kind = kind, answer = sent.answer })
    elseif failure and failure.is_permanent then
      job:give_up(why)
    elseif failure then
      job:fail(why)
    end
  end,
}
