-- kill -9 under load, with the embedded PostgreSQL; a fraction of what `./dev chaos` does.

local clinics = require "chaos.clinic"
local kills = require "chaos.kills"
local seeded = require "chaos.seed"

describe("kill -9 under load", function()
  local clinic

  setup(function() clinic = clinics.start {} end)

  for _, victim in ipairs { "worker", "session", "postmaster", "supervisor" } do
    it(("of the %s loses and doubles no booking"):format(victim), function()
      local result = kills.run(clinic, { kills = 2, seed = seeded.seed, label = victim, clients = 32, groups = 10,
                                         victims = { victim } })
      seeded.assert_no(result.faults)
      assert.equal(2, result.kills)
      assert.is_true(result.booked > 0)
    end)
  end
end)
