-- test.run_jobs: what is due, and what that makes due.

local test = require "medbookd.test"

describe("test.run_jobs", function()
  it("runs the job of an event and the job that this adds in one go, however fast they are", function()
    local provider = test.query([[SELECT "id" FROM "Provider" ORDER BY "id" LIMIT 1]])[1].id
    for _ = 1, 60 do
      test.query([[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
        VALUES ('provider.activated', 'Provider', $1, '{}')]], provider)
      local ended = test.run_jobs()
      assert.same({ done = 2, retried = 0, dead = 0 }, ended) -- the one that hears of it, and its mail
    end
  end)
end)
