-- A visit that a guest books over the API of a server with the demo clinic.

local visit = {}

-- Books the first slot from tomorrow on of the first provider: the response. more: further fields of the body.
function visit.book(app, name, more)
  local provider = app:get("/v1/providers?limit=1").json.data[1].id
  local from = os.date("!%Y-%m-%dT00:00:00Z", os.time() + 86400)
  local slots = app:get(("/v1/slots?providerId=%s&online=false&from=%s&limit=1"):format(provider, from)).json.data
  local body = { slotId = slots[1].id, guestName = name, guestEmail = "patient@example.org", isOnline = false }
  for key, value in pairs(more or {}) do body[key] = value end
  return app:post("/v1/bookings", body)
end

return visit
