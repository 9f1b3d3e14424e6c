-- A thousand random steps of providers beside a model of their workflow; `./dev chaos` takes ten thousand.

local cluster = require "support.cluster"
local seeded = require "chaos.seed"
local server = require "support.server"
local walk = require "chaos.provider_walk"

describe("a random walk of providers", function()
  it("comes to the outcomes of a model, step by step", function()
    local database = cluster.fresh "schema"
    local app = server.start { database = database, workers = 2, env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" } }
    local result = walk.run(app, database.url, { steps = 1000, providers = 40, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(1000, result.steps)
    for _, outcome in ipairs { "200", "401", "403", "404", "409", "412", "sql", "expired" } do
      assert.is_true((result.outcomes[outcome] or 0) > 0, ("none was %s (seed %d)"):format(outcome, seeded.seed))
    end
  end)
end)
