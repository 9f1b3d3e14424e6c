-- Many idle connections, slow senders and clients that never read; `./dev chaos` holds 10,000.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local held = require "chaos.held"
local seeded = require "chaos.seed"

describe("a worker's other connections", function()
  local clinic

  setup(function()
    clinic = clinics.start {
      database = cluster.fresh "demo",
      env = { MEDBOOKD_HTTP_HEAD_TIMEOUT = "2s", MEDBOOKD_HTTP_WRITE_TIMEOUT = "1s" },
    }
  end)

  it("stay alive when 2000 of them are idle", function()
    local result = held.run(clinic, { idle = 2000, slow = 0, deaf = 0, seconds = 2, probe = "/livez" })
    seeded.assert_no(result.faults)
    assert.equal(2000, result.alive)
  end)

  it("are served beside slow senders, which are cut off", function()
    local result = held.run(clinic, { idle = 0, slow = 100, deaf = 0, seconds = 4, probe = clinic:search(20) })
    seeded.assert_no(result.faults)
  end)

  it("are served beside clients that never read, whose unsent answers are thrown away", function()
    local result = held.run(clinic, { idle = 0, slow = 0, deaf = 10, seconds = 4, probe = clinic:search(20),
                                      feed = clinic:search(100) })
    seeded.assert_no(result.faults)
  end)
end)
