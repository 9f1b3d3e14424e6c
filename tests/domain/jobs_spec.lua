-- test.run_jobs: what is due, and what that makes due.

local test = require "medbookd.test"

describe("test.run_jobs", function()
  it("runs the job of an event and the job that this adds in one go, however fast they are", function()
    local provider = test.query([[SELECT "id" FROM "Provider" ORDER BY "id" LIMIT 1]])[1].id
    -- What a schedule has begun meanwhile is none of them.
    local function count_done()
      return test.query([[SELECT count(*)::int AS n FROM "Job"
        WHERE "kind" IN ('providers.tell', 'server.mail') AND "status" = 'DONE']])[1].n
    end
    for i = 1, 60 do
      test.query([[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
        VALUES ('provider.activated', 'Provider', $1, '{}')]], provider)
      local ended = test.run_jobs()
      assert.same({ 2 * i, 0, 0 }, { count_done(), ended.retried, ended.dead }) -- who hears of it, and its mail
    end
  end)
end)
