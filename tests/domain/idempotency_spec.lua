-- Idempotency-Key between calls that follow one another. Calls at once and after a restart:
-- integration/idempotency_spec.lua.

local test = require "medbookd.test"

describe("Idempotency-Key", function()
  local slot
  before_each(function() slot = test.free_slot().id end)

  local function book(key)
    return test.post("/v1/bookings",
      { slotId = slot, guestName = key, guestEmail = "patient@example.org", isOnline = false },
      { headers = { ["Idempotency-Key"] = key } })
  end

  local function cancel(booking, key)
    return test.post(("/v1/bookings/%s/cancel"):format(booking.id), { reason = "ill" },
      { headers = { ["Idempotency-Key"] = key }, token = booking.manageToken })
  end

  it("repeats the booking's own answer to whoever sends the call again after a cancellation", function()
    local made = book "cancelled"
    assert.equal(201, made.status, made.text)
    local first, again = cancel(made.body, "cancelled-c"), cancel(made.body, "cancelled-c")
    assert.equal(200, first.status, first.text)
    assert.equal(200, again.status, again.text)
    assert.equal(first.text, again.text)
    local repeated = book "cancelled"
    assert.equal(201, repeated.status)
    assert.equal(made.text, repeated.text)
  end)

  it("does not stand in the way of a caller with another key", function()
    assert.equal(201, book("mine").status)
    local other = book "other"
    assert.equal(409, other.status)
    assert.equal("slot_taken", other.body.code)
  end)

  it("stores no refusal: the same key succeeds once the slot is free", function()
    local made = book "refused-holder"
    assert.equal(409, book("refused").status)
    assert.equal(200, cancel(made.body, "refused-free").status)
    assert.equal(201, book("refused").status)
  end)
end)
