-- Messages to people, by the channels of plugins: put into the queue of jobs, so that none is lost and each is
-- repeated until it is taken.
local jobs = require "workflows.jobs"
local provisions = require "workflows.provisions"

-- notify.send({ kind = "email", to =, subject =, text =, data =, channel = }, { tx =, key =, after =, at = })
-- -> the id of the job; nil when no channel delivers to such addresses. channel names one of several
-- ("clinic.sms.sms"); one that is not there is an error.
local function send(message, options)
  local channel = provisions.channel(message.kind, message.channel)
  if not channel then
    return nil
  end
  return jobs.enqueue("server.notify", {
    channel = channel.name, to = message.to, subject = message.subject, text = message.text, data = message.data,
  }, options)
end

return { send = send }
