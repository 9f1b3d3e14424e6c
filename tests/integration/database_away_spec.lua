-- PostgreSQL goes away under a running medbookd: requests are refused at once, and the service heals
-- by itself.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local psql = require "support.psql"

describe("when PostgreSQL is away, medbookd", function()
  local own, clinic

  setup(function()
    own = cluster.start()
    clinic = clinics.start { database = own:database "demo", workers = 2 }
  end)

  before_each(function()
    clinic:await_service(0)
    own:stop()
  end)

  after_each(function()
    if not own.process:is_running() then own:start() end
  end)

  local function search() return clinic.server:get(clinic:search(1)) end

  it("answers 503 with Retry-After and a problem document", function()
    local response = search()
    assert.equal(503, response.status, response.body)
    assert.is_truthy(tonumber(response.headers["retry-after"]))
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.equal("database_unavailable", response.json.code)
  end)

  it("stays alive but not ready", function()
    search()
    assert.equal(200, clinic.server:get("/livez").status)
    eventually(function() return clinic.server:get("/readyz").status == 503 end, { what = "/readyz to be red" })
  end)

  it("is not ready while one of its workers is cut off, and heals as one", function()
    own:start()
    clinic:await_service(0)
    local function admin(sql) return psql.run(own:url "postgres", sql:format(clinic.server.options.database.name)) end
    admin 'ALTER DATABASE "%s" WITH ALLOW_CONNECTIONS false'
    admin [[SELECT pg_terminate_backend(min(pid)) FROM pg_stat_activity
      WHERE datname = '%s' AND application_name = 'medbookd']]
    local red
    eventually(function()
      red = clinic.server:get "/readyz"
      return red.status == 503
    end, { what = "/readyz to be red" })
    assert.equal("database_unavailable", red.json.code)
    assert.matches("^1 of 2 workers cannot reach the database: [12]$", red.json.detail)
    admin 'ALTER DATABASE "%s" WITH ALLOW_CONNECTIONS true'
    clinic:await_service(0)
    for _ = 1, 40 do assert.equal(200, search().status) end
  end)

  it("is ready while a worker that is silent misses the database and its sibling serves", function()
    eventually(function()
      local text, workers, reached = clinic.server:admin("/metrics").body, 0, 0
      for n in text:gmatch 'medbookd_db_connections{worker="%d"} (%d+)' do
        workers, reached = workers + 1, reached + tonumber(n)
      end
      return workers == 2 and reached == 0
    end, { what = "both workers to miss the database" })
    local silent = clinic.server:workers()[1]
    clinic.server:signal("STOP", silent)
    own:start()
    clinic:await_service(0)
    clinic.server:signal("CONT", silent)
  end)

  it("serves again, without a restart, once it is back", function()
    assert.equal(503, search().status)
    local supervisor, workers = clinic.server.process.pid, clinic.server:workers()
    own:start()
    eventually(function() return search().status == 200 end, { what = "the service to heal" })
    assert.equal(supervisor, clinic.server.process.pid)
    assert.same(workers, clinic.server:workers())
  end)

  it("books what it refused, with the same key, once it is back", function()
    own:start()
    clinic:await_service(0)
    local slot = clinic:take_slots(1)[1]
    local body = { slotId = slot, guestName = "Away", guestEmail = "patient@example.org", isOnline = false }
    local options = { headers = { ["Idempotency-Key"] = "away" } }
    own:stop()
    assert.equal(503, clinic.server:post("/v1/bookings", body, options).status)
    own:start()
    local last
    eventually(function()
      last = clinic.server:post("/v1/bookings", body, options)
      return last.status ~= 503
    end, { what = "the booking to be taken" })
    assert.equal(201, last.status, last.body)
  end)
end)
