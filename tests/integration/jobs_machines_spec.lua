-- Jobs between machines that share a database, and when one of them stops. The jobs are those of
-- tests/fixtures/jobs.

local eventually = require "support.eventually"
local fixture = require "support.jobs"
local psql = require "support.psql"

local MANY <const> = 400

describe("a job", function()
  local dir, database

  setup(function() dir = fixture.home() end)
  before_each(function() database = fixture.database() end)

  it("that runs when the server stops is given back, and its attempt does not count", function()
    local second = fixture.start(database, dir, { MEDBOOKD_SHUTDOWN_TIMEOUT = "100ms" })
    local id = psql.value(database.url, [[INSERT INTO "Job" ("kind", "maxAttempts") VALUES ('test.hold', 2)
      RETURNING "id"]])
    eventually(function() return psql.value(database.url, "SELECT 1 FROM ran WHERE kind = 'test.hold'") end)
    assert.same({ "exit", 0 }, { second:stop() })
    assert.equal("PENDING 0", psql.value(database.url,
      ([[SELECT "status" || ' ' || "attempts" FROM "Job" WHERE "id" = '%s']]):format(id)))
  end)

  it("is finished before the server stops when there is time", function()
    local second = fixture.start(database, dir)
    database.run [[INSERT INTO "Job" ("kind", "maxAttempts") SELECT 'test.note', 3 FROM generate_series(1, 50)]]
    eventually(function() return psql.value(database.url, "SELECT count(*) FROM ran") ~= "0" end)
    second:stop()
    assert.equal("0", psql.value(database.url, [[SELECT count(*) FROM "Job" WHERE "status" = 'RUNNING']]))
    assert.equal("t", psql.value(database.url, [[SELECT (SELECT count(*) FROM ran WHERE kind = 'test.note')
      = (SELECT count(*) FROM "Job" WHERE "status" = 'DONE' AND "kind" = 'test.note')]]))
  end)

  it("of many runs once, whichever of two servers takes it", function()
    local servers = { fixture.start(database, dir), fixture.start(database, dir) }
    database.run(([[INSERT INTO "Job" ("kind", "maxAttempts") SELECT 'test.note', 1 FROM generate_series(1, %d)]])
      :format(MANY))
    eventually(function()
      return psql.value(database.url, [[SELECT count(*) FROM "Job" WHERE "status" = 'DONE' AND "kind" = 'test.note']])
        == tostring(MANY)
    end, { within = 60 })
    assert.equal(("%d %d"):format(MANY, MANY), psql.value(database.url,
      "SELECT count(*) || ' ' || count(DISTINCT job) FROM ran WHERE kind = 'test.note'"))
    for _, one in ipairs(servers) do one:stop() end
  end)

  it("of a server that dies is taken over by another", function()
    local first = fixture.start(database, dir)
    local id = psql.value(database.url, [[INSERT INTO "Job" ("kind", "maxAttempts") VALUES ('test.hold', 2)
      RETURNING "id"]])
    eventually(function() return psql.value(database.url, "SELECT 1 FROM ran WHERE kind = 'test.hold'") end)
    local second = fixture.start(database, dir)
    first:kill()
    eventually(function()
      return psql.value(database.url, ([[SELECT "status" FROM "Job" WHERE "id" = '%s']]):format(id)) == "DONE"
    end)
    assert.equal("1 begun 2 begun 2 ended", psql.value(database.url,
      "SELECT string_agg(attempt || ' ' || word, ' ' ORDER BY at) FROM ran WHERE kind = 'test.hold'"))
    second:stop()
  end)

  it("is run by machines whose jobs.concurrency is not 0", function()
    local idle, busy = fixture.start(database, dir, { MEDBOOKD_JOBS_CONCURRENCY = "0" }), fixture.start(database, dir)
    database.run [[INSERT INTO "Job" ("kind", "maxAttempts") SELECT 'test.note', 1 FROM generate_series(1, 50)]]
    eventually(function()
      return psql.value(database.url, [[SELECT count(*) FROM "Job" WHERE "status" = 'DONE' AND "kind" = 'test.note']])
        == "50"
    end)
    assert.matches('medbookd_jobs_total{outcome="done"} 0\n', idle:admin("/metrics").body, 1, true)
    idle:stop()
    busy:stop()
  end)
end)
