-- Races for slots, run for real; a fraction of what `./dev chaos` does.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local http = require "support.http"
local races = require "chaos.races"
local seeded = require "chaos.seed"

describe("a race for slots", function()
  local clinic

  setup(function() clinic = clinics.start { database = cluster.fresh "demo" } end)

  it("has exactly one winner when 200 clients want one slot", function()
    local result = races.same_slot(clinic, { clients = 200, rounds = 20, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(20, result.single)
    assert.equal(199 * 20, result.status["409"])
  end)

  it("never gives 64 clients two bookings of a provider that overlap", function()
    local result = races.overlapping(clinic, { clients = 64, rounds = 10, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(10, result.rounds)
  end)

  it("lets exactly one of 16 cancellations with the same If-Match through", function()
    local slot = clinic:take_slots(1)[1]
    local made = clinic.server:post("/v1/bookings",
      { slotId = slot, guestName = "If Match", guestEmail = "patient@example.org", isOnline = false })
    assert.equal(201, made.status, made.body)
    local request = http.format("POST", ("/v1/bookings/%s/cancel"):format(made.json.id), {
      body = {}, headers = { Authorization = "Bearer " .. made.json.manageToken, ["If-Match"] = made.headers.etag },
    })
    local connections, seen = {}, {}
    for i = 1, 16 do connections[i] = clinic.server:connect() end
    for _, connection in ipairs(connections) do assert(connection:send(request)) end
    for _, connection in ipairs(connections) do
      local status = assert(connection:read "POST").status
      seen[status] = (seen[status] or 0) + 1
      connection:close()
    end
    assert.same({ [200] = 1, [412] = 15 }, seen)
  end)

  it("leaves every invariant whole after a storm of booking, cancelling and booking again", function()
    local result = races.storm(clinic, { clients = 32, operations = 4000, groups = 4, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.is_true(result.rebooked > 0)
  end)
end)
