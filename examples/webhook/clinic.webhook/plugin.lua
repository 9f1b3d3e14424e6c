-- Tells another system what becomes of bookings: one signed POST for each event, repeated until it is taken.
local medbookd = require "medbookd"

-- "t=<seconds>,v1=<hex>": HMAC-SHA-256 of "<seconds>.<body>" under the secret that both sides have. The time
-- is signed too, so that nobody can send an old one again.
local function signature(body)
  local seconds = medbookd.time.now() // 1000
  return ("t=%d,v1=%s"):format(seconds, medbookd.crypto.sign(medbookd.secret "key", ("%d.%s"):format(seconds, body)))
end

-- Raises when it was not taken: then the job is tried again, later and later.
local function send(job)
  local event = job.payload
  local body = medbookd.json.encode {
    id = job.id, type = event.type, bookingId = event.resourceId, occurredAt = event.createdAt,
  }
  local answer, failure = medbookd.http.request {
    method = "POST", url = medbookd.config().url, body = body, timeout = 5000,
    headers = {
      ["Content-Type"] = "application/json", ["X-Medbookd-Signature"] = signature(body), ["Idempotency-Key"] = job.id,
    },
  }
  if not answer then
    error(failure.code .. ": " .. failure.detail)
  elseif answer.status >= 300 then
    error("answered " .. answer.status)
  end
end

local events = {}
for i, name in ipairs { "created", "confirmed", "declined", "cancelled", "expired", "completed", "missed" } do
  events[i] = {
    on = "booking." .. name, handler = send, max_attempts = 12, backoff = { first = "5s", most = "1h" }, lease = "30s",
  }
end

return {
  api = 1, name = "clinic.webhook", version = "1.0.0", summary = "Tells another system what becomes of bookings",
  capabilities = { "events", "http", "secrets" },
  config = { type = "object", required = { "url" }, properties = { url = { type = "string", minLength = 1 } } },
  http = { hosts = { "hooks.example.org" } },
  secrets = { "key" },
  events = events,
}
