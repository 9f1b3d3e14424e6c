-- Retries after lost answers, with faultproxy in the way; a fraction of what `./dev chaos` does.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local lost_answers = require "chaos.lost_answers"
local proxied = require "chaos.proxied"
local seeded = require "chaos.seed"

describe("a retry with the same Idempotency-Key", function()
  it("gives one booking and one answer when PostgreSQL's side breaks at any message", function()
    local clinic, proxy = proxied.database_side(seeded.seed)
    local result = lost_answers.database_side(clinic, proxy, { rounds = 1, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.is_true(result.bookings > 0)
    assert.equal(2 * result.bookings, result.fired) -- each booking and each cancel met its fault
  end)

  it("gives one booking and one answer when the client's side breaks", function()
    local clinic = clinics.start { database = cluster.fresh "demo" }
    local proxy, port = proxied.client_side(clinic, seeded.seed)
    local result = lost_answers.client_side(clinic, proxy, port, { rounds = 10, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(20, result.bookings)
    assert.equal(20, result.retried)
    assert.equal(40, result.fired)
  end)
end)
