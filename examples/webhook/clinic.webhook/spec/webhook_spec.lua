-- medbookd plugin test clinic.webhook
local test = require "medbookd.test"

describe("clinic.webhook", function()
  local HOOK <const> = "POST https://hooks.example.org/bookings"

  local function book()
    local slot = test.free_slot()
    return test.post("/v1/bookings", {
      slotId = slot.id, isOnline = slot.online, guestName = "Thandi Mokoena", guestEmail = "thandi@example.org",
    }).body
  end

  it("sends one signed request for a booking", function()
    test.clock.set(test.clock.now())
    test.http.on(HOOK, { status = 204 })
    local booking = book()
    assert.same({ done = 1, retried = 0, dead = 0 }, test.run_jobs())
    local request = test.http.requests[1]
    assert.equal(1, #test.http.requests)
    assert.matches('"bookingId":"' .. booking.id .. '"', request.body, 1, true)
    assert.matches("^t=%d+,v1=%x+$", request.headers["x-medbookd-signature"])
  end)

  it("sends it again, with the same key, until it is taken", function()
    test.clock.set(test.clock.now())
    local status = 500
    test.http.on(HOOK, function() return { status = status } end)
    book()
    assert.same({ done = 0, retried = 1, dead = 0 }, test.run_jobs())
    assert.equal(0, test.run_jobs().retried)
    status = 200
    test.clock.advance "1h"
    assert.equal(0, test.run_jobs().retried)
    local first, second = test.http.requests[1], test.http.requests[2]
    assert.equal(2, #test.http.requests)
    assert.equal(first.headers["idempotency-key"], second.headers["idempotency-key"])
  end)
end)
