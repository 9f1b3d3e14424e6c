-- A real PgBouncer in transaction mode between medbookd and PostgreSQL.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local pgbouncer = require "support.pgbouncer"
local psql = require "support.psql"
local races = require "chaos.races"
local seeded = require "chaos.seed"

describe("behind PgBouncer in transaction mode, medbookd", function()
  local own, pooler, clinic, database

  setup(function()
    own = cluster.start()
    database = own:database "demo"
    pooler = pgbouncer.start_before(own, { default_pool_size = 4, max_client_conn = 60 })
    clinic = clinics.start {
      database = pooler:url(database.name), direct = database.url, workers = 2,
      env = { MEDBOOKD_DATABASE_POOLER = "transaction" },
    }
  end)

  local function book(name, headers)
    return clinic.server:post("/v1/bookings", {
      slotId = clinic:take_slots(1)[1], guestName = name, guestEmail = "patient@example.org", isOnline = false,
    }, { headers = headers })
  end

  it("searches, books, looks, and cancels", function()
    assert.equal(200, clinic.server:get(clinic:search(3)).status)
    local made = book "Pooled"
    assert.equal(201, made.status, made.body)
    local headers = { Authorization = "Bearer " .. made.json.manageToken }
    local target = "/v1/bookings/" .. made.json.id
    assert.equal("CONFIRMED", clinic.server:get(target, { headers = headers }).json.status)
    assert.equal(200, clinic.server:post(target .. "/cancel", {}, { headers = headers }).status)
  end)

  it("uses fewer connections of PostgreSQL than its own", function()
    for _ = 1, 20 do clinic.server:get(clinic:search(3)) end
    local n = psql.value(database.url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
      .. "AND pid <> pg_backend_pid()")
    assert.is_true(tonumber(n) <= 4, n)
  end)

  it("answers a repeated key with the one booking", function()
    local slot = clinic:take_slots(1)[1]
    local function again()
      return clinic.server:post("/v1/bookings",
        { slotId = slot, guestName = "Twice", guestEmail = "patient@example.org", isOnline = false },
        { headers = { ["Idempotency-Key"] = "pooled" } })
    end
    local first, second = again(), again()
    assert.same({ 201, 201 }, { first.status, second.status })
    assert.equal(first.body, second.body)
  end)

  it("gives a slot to exactly one of 64 clients", function()
    local result = races.same_slot(clinic, { clients = 64, rounds = 5, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(5, result.single)
  end)

  it("heals when the pooler ends its connections to PostgreSQL, and its clients'", function()
    pooler:admin("KILL " .. database.name)
    pooler:admin("RESUME " .. database.name)
    clinic:await_service(0)
    psql.run(own:url "postgres", ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'")
      :format(database.name))
    clinic:await_service(0)
    assert.equal(201, book("Healed").status)
  end)

  it("answers 503 while the pooler is away, and serves again by itself", function()
    pooler:kill()
    local away = eventually(function()
      local answer = clinic.server:get(clinic:search(1))
      return answer.status ~= 200 and answer
    end)
    assert.same({ 503, "database_unavailable" }, { away.status, away.json.code })
    pooler:start()
    clinic:await_service(0)
    assert.equal(201, book("Back").status)
  end)

  it("leaves every invariant whole", function() assert.is_nil(clinic:broken()) end)
end)
