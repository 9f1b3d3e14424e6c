-- A real PgBouncer in transaction mode between medbookd and PostgreSQL.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local paths = require "support.paths"
local pgbouncer = require "support.pgbouncer"
local process = require "support.process"
local psql = require "support.psql"
local races = require "chaos.races"
local seeded = require "chaos.seed"
local server = require "support.server"
local temp = require "support.temp"

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

-- A database whose owner has other habits, a plugin that means harm, and one session of PostgreSQL for all it asks.
describe("behind PgBouncer in transaction mode, the tables of a plugin", function()
  local own, database, env, data_dir

  setup(function()
    own = cluster.start()
    database = own:database "schema"
    for _, setting in ipairs { "DateStyle = 'German'", "IntervalStyle = 'postgres_verbose'", "work_mem = '32MB'" } do
      psql.run(database.url, ("ALTER DATABASE %s SET %s"):format(database.name, setting))
    end
    local dir = temp.dir()
    process.check { "cp", "-r", paths.root .. "/tests/fixtures/tables_foreign/.", dir }
    env = { MEDBOOKD_PLUGINS_FOLDER = dir, MEDBOOKD_PLUGINS_STATEMENT_TIMEOUT = "400ms" }
    local direct = server.make { database = database, env = env }
    data_dir = direct.data_dir
    local r = direct:command("migrate", "up")
    assert.equal(0, r.code, r.err)
  end)

  -- A server behind this pooler, not started.
  local function behind(pooler, mode)
    env.MEDBOOKD_DATABASE_POOLER = mode
    return server.make { workers = 1, database = pooler:url(database.name), env = env, data_dir = data_dir }
  end

  describe("where each user is themselves", function()
    local app

    setup(function()
      app = behind(pgbouncer.start_before(own, { default_pool_size = 1 }, true), "transaction"):start()
    end)

    teardown(function() app:stop() end)

    local function ask(name)
      local r = app:post("/v1/plugins/test.foreign/run/" .. name)
      assert.equal(200, r.status, r.body)
      return r.json
    end

    local CLEAN <const> = {
      timeout = "400ms", checks = "1s", dates = "ISO, MDY", memory = "4MB", schema = "plugin_test.foreign",
      user = "plugin_test.foreign", made = false, channels = 0, locks = 0,
    }

    it("take and give rows, as a role of their own", function()
      assert.equal(0, ask("add").rows[1].id)
      assert.same(CLEAN, ask("remains").rows[1])
    end)

    for _, how in ipairs { "spoils", "spoils_late" } do
      it("leave nothing to whoever has the session next: " .. how, function()
        ask(how) -- which tells that it writes: its session was closed when it was refused that
        local session = ask("session").rows[1].pid
        assert.equal(1, ask(how).rows[1].x)
        assert.same(CLEAN, ask("remains").rows[1])
        assert.equal(session, ask("session").rows[1].pid)
      end)
    end

    it("have their limits whatever their role has stored", function()
      local session = ask("session").rows[1].pid
      assert.matches("statement timeout", ask("counts").error, 1, true)
      psql.run(database.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ~ '^plugin_'")
      local next_one = eventually(function()
        local rows = ask("session").rows
        return rows and rows[1].pid
      end)
      assert.not_equal(session, next_one)
      assert.same(CLEAN, ask("remains").rows[1])
      assert.matches("statement timeout", ask("counts").error, 1, true)
    end)
  end)

  it("are refused at the start where all users are one, before anything is changed for all", function()
    local pooler = pgbouncer.start_before(own)
    local r = behind(pooler, "transaction"):command "run"
    assert.not_equal(0, r.code)
    assert.matches("plugin test.foreign: the database takes plugin_test.foreign for postgres; a pooler must log every "
      .. "user in as themselves", r.err, 1, true)
    assert.equal("public", psql.value(pooler:url(database.name), "SHOW search_path"))
  end)

  it("are not served where nobody said that there is a pooler, as their limits do not arrive", function()
    local app = behind(pgbouncer.start_before(own, {}, true), "none"):start()
    local r = app:post "/v1/plugins/test.foreign/run/remains"
    assert.matches("the database cannot be reached", r.json.error, 1, true)
    app:await_log "the settings of a session do not arrive: behind a pooler set database.pooler = transaction"
  end)
end)
