-- Idempotency-Key: the same key and body give the same answer, at once, later and after a restart. Calls that follow
-- one another: domain/idempotency_spec.lua.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local races = require "chaos.races"
local seeded = require "chaos.seed"
local tools = require "chaos.tools"

describe("Idempotency-Key", function()
  local clinic

  local function book(slot, key)
    return clinic.server:post("/v1/bookings",
      { slotId = slot, guestName = key, guestEmail = "patient@example.org", isOnline = false },
      { headers = { ["Idempotency-Key"] = key } })
  end

  setup(function() clinic = clinics.start { database = cluster.fresh "demo" } end)

  it("gives 50 clients at once, 50 later and 50 after a restart the same bytes", function()
    local size = { clients = 50, key = "shared-" .. seeded.seed, slot = clinic:take_slots(1)[1] }
    local first = races.same_key(clinic, size)
    seeded.assert_no(first.faults)
    local later = races.same_key(clinic, size)
    seeded.assert_no(later.faults)
    clinic.server:restart()
    local restarted = races.same_key(clinic, size)
    seeded.assert_no(restarted.faults)
    assert.equal(first.body, later.body)
    assert.equal(first.body, restarted.body)
    assert.same({ ["201"] = 50 }, later.status)
    assert.same({ ["201"] = 50 }, restarted.status)
  end)

  it("binds callers without an account: 40 of them at once, one key, five slots, one booking", function()
    local key, slots = "bound-" .. seeded.seed, clinic:take_slots(5)
    local summary = tools.hammer("race", clinic.port, {
      clients = 40, key = key, fields = clinics.FIELDS, slots = clinics.slot_file { slots },
    })
    for code in pairs(summary.codes) do
      assert.is_true(code == "idempotency_mismatch" or code == "request_in_progress", code)
    end
    local made = clinic:query(([[SELECT "slotId" FROM "Booking" WHERE "guestName" = '%s']]):format(key))
    assert.equal(1, #made)
    for _, slot in ipairs(slots) do
      if slot ~= made[1].slotId then
        local later = book(slot, key)
        assert.same({ 422, "idempotency_mismatch" }, { later.status, later.json.code })
      end
    end
    assert.is_nil(clinic:broken())
  end)

  it("writes one outbox row for all of them", function()
    local key = "outbox-" .. seeded.seed
    local size = { clients = 20, key = key, slot = clinic:take_slots(1)[1] }
    local before = clinic:query 'SELECT count(*) AS n FROM "Outbox"'[1].n
    seeded.assert_no(races.same_key(clinic, size).faults)
    local after = clinic:query 'SELECT count(*) AS n FROM "Outbox"'[1].n
    assert.equal(tonumber(before) + 1, tonumber(after))
  end)
end)
