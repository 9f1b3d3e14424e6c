-- Codes by SMS and WhatsApp. What they promise is told by tests/fixtures/contact_codes/codes_spec.lua, which runs here;
-- the rest is what takes several who come at once, or a server that starts again.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local FIXTURES <const> = paths.root .. "/tests/fixtures/contact_codes"
local AT_ONCE <const> = 20

describe("a code", function()
  it("does what it promises", function()
    local r = process.run({ paths.binary(), "test", FIXTURES .. "/codes_spec.lua", "--set",
      "auth.phone_countries=27, 264" }, { env = {
      TMPDIR = temp.dir(), MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = paths.root,
      MEDBOOKD_PLUGINS_FOLDER = FIXTURES .. "/plugins",
    }, within = 120 })
    assert.matches("16 successes / 0 failures / 0 errors", r.out, 1, true)
    assert.equal(0, r.code, r.err)
  end)

  describe("of a server", function()
    local app, database

    setup(function()
      database = cluster.fresh "schema"
      database.run [[
        INSERT INTO "User" ("id") SELECT 'u' || i FROM generate_series(1, 100) i;
        INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
        SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User"]]
      app = server.start { database = database, workers = 2, env = {
        MEDBOOKD_PLUGINS_FOLDER = FIXTURES .. "/plugins", MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1",
        MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_DATABASE_LOCK_TIMEOUT = "30s",
      } }
    end)

    local function value(sql, ...) return database.query(sql:format(...))[1].v end

    local function headers(person, address)
      return { Authorization = "Bearer u" .. person, ["X-Forwarded-For"] = address or "192.0.2." .. person }
    end

    local function post(path, body, person, address)
      return app:post("/v1/me/" .. path, body, { headers = headers(person, address) })
    end

    local function activity(what, where)
      return value("SELECT %s AS v FROM pg_stat_activity WHERE datname = current_database() AND %s", what, where)
    end

    -- Holds the row of a person's code until the function that it returns is called: after requests wait for it.
    local function hold(person)
      local holder = "query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
      process.start { "psql", "-qX", database.url, "-c", "BEGIN", "-c",
        ([[SELECT FROM "ContactCode" WHERE "userId" = 'u%d' FOR UPDATE]]):format(person), "-c", "SELECT pg_sleep(600)" }
      eventually(function() return activity("count(*)", holder) == "1" end, { what = "the code to be held" })
      return function()
        eventually(function()
          return tonumber(activity("count(*)", "application_name = 'medbookd' AND wait_event_type = 'Lock'")) > 3
        end, { what = "requests to wait for each other" })
        activity("pg_terminate_backend(pid)", holder)
      end
    end

    -- How many answers there were of each status and code, when all are sent at once: { person, body, address }.
    -- between() runs before the first is read.
    local function at_once(path, requests, between)
      local clients, seen, wait = {}, {}, nil
      for i in ipairs(requests) do clients[i] = app:connect { timeout = 30 } end
      for i, it in ipairs(requests) do
        clients[i]:send(http.format("POST", "/v1/me/" .. path, { headers = headers(it[1], it[3]), body = it[2] }))
      end
      if between then between() end
      for i in ipairs(requests) do
        local answer = assert(clients[i]:read "POST")
        local what = answer.status < 300 and answer.status or answer.json.code
        seen[what], wait = (seen[what] or 0) + 1, answer.headers["retry-after"] or wait
        clients[i]:close()
      end
      return seen, tonumber(wait)
    end

    local function requests_of(make)
      local list = {}
      for i = 1, AT_ONCE do list[i] = make(i) end
      return list
    end

    -- The last code that was sent to a number.
    local function code_to(number)
      return eventually(function()
        local rows = database.query(([[SELECT s."value" ->> 'code' AS v FROM "PluginState" s JOIN "ContactCode" c
          ON c."number" = s."value" ->> 'to' JOIN "Job" j ON j."id" = s."key" AND j."payload" ->> 'codeId' = c."id"
          WHERE c."number" = '%s']]):format(number))
        return rows[1] and rows[1].v
      end, { what = "the code to " .. number })
    end

    it("has five tries, though twenty are made at once on two workers", function()
      assert.equal(202, post("phone", { phone = "+27820000001" }, 1).status)
      local code = code_to "+27820000001"
      local wrong = { code = ("%06d"):format((tonumber(code) + 1) % 1000000) }
      local seen, wait = at_once("verify-phone", requests_of(function() return { 1, wrong } end), hold(1))
      assert.same({ invalid_code = 5, too_many_attempts = AT_ONCE - 5 }, seen)
      assert.is_true(wait > 500 and wait <= 600)
      assert.equal("5", value [[SELECT "tries" AS v FROM "ContactCode" WHERE "userId" = 'u1']])
      assert.equal("too_many_attempts", post("verify-phone", { code = code }, 1).json.code)
      assert.equal("", value [[SELECT coalesce("phone", '') AS v FROM "User" WHERE "id" = 'u1']])
    end)

    it("is used once, though it is sent back twenty times at once", function()
      assert.equal(202, post("phone", { phone = "+27820000002" }, 2).status)
      local right = { code = code_to "+27820000002" }
      local seen = at_once("verify-phone", requests_of(function() return { 2, right } end), hold(2))
      assert.same({ [204] = 1, invalid_code = AT_ONCE - 1 }, seen)
      assert.equal("1", value [[SELECT count(*) AS v FROM "AuditLog" WHERE "userId" = 'u2'
        AND "action" = 'CONTACT_VERIFIED']])
    end)

    it("is one of two that are asked for at once", function()
      assert.same({ [202] = 2 }, (at_once("phone", { { 3, { phone = "+27820000003" } },
                                                     { 3, { phone = "+27820000004" } } })))
      local number = value [[SELECT "number" AS v FROM "ContactCode" WHERE "userId" = 'u3']]
      assert.equal(204, post("verify-phone", { code = code_to(number) }, 3).status)
      assert.equal(number, value [[SELECT "phone" AS v FROM "User" WHERE "id" = 'u3']])
    end)

    it("is sent as often as it may, for whoever asks at once and wherever", function()
      local seen = at_once("phone", requests_of(function(i)
        return { 4, { phone = ("+278211100%02d"):format(i) }, "198.51.100." .. i }
      end))
      assert.same({ [202] = 3, rate_limited = AT_ONCE - 3 }, seen)
      seen = at_once("phone", requests_of(function(i)
        return { 10 + i, { phone = "+27822220000" }, "198.51.100." .. i }
      end))
      assert.same({ [202] = 3, rate_limited = AT_ONCE - 3 }, seen)
      seen = at_once("whatsapp", requests_of(function(i)
        return { 40 + i, { whatsapp = ("+278233300%02d"):format(i) }, "2001:db8:1:1::" .. i }
      end))
      assert.same({ [202] = 10, rate_limited = AT_ONCE - 10 }, seen)
    end)

    it("is counted also when the server has started again", function()
      app:restart()
      local refused = post("phone", { phone = "+27821110099" }, 4, "198.51.100.99")
      assert.same({ 429, "rate_limited" }, { refused.status, refused.json.code })
      local wait = tonumber(refused.headers["retry-after"])
      assert.is_true(wait > 86000 and wait <= 86400)
      assert.equal("rate_limited", post("phone", { phone = "+27822220000" }, 70).json.code)
      assert.equal("rate_limited", post("phone", { phone = "+27824440000" }, 71, "2001:db8:1:1::99").json.code)
      assert.equal(202, post("phone", { phone = "+27824440000" }, 71, "2001:db8:1:2::99").status)
    end)

    it("is sent as often for an address as auth.code_rate_address says, 0 for any number", function()
      for rate, status in pairs { ["11"] = 202, ["0"] = 202, ["10"] = 429 } do
        local other = server.start { database = database, workers = 1, env = {
          MEDBOOKD_PLUGINS_FOLDER = FIXTURES .. "/plugins", MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1",
          MEDBOOKD_AUTH_CODE_RATE_ADDRESS = rate,
        } }
        database.run [[UPDATE "ContactCodeCount" SET "count" = 10 WHERE "key" LIKE 'address 2001:db8:1:1::%']]
        local r = other:post("/v1/me/phone", { phone = "+278255500" .. 10 + tonumber(rate) },
          { headers = headers(81 + tonumber(rate), "2001:db8:1:1::99") })
        assert.equal(status, r.status, rate)
        other:stop()
      end
    end)

    it("is not sent where no plugin does it, and nothing is counted", function()
      local other = server.start { database = database, workers = 1 }
      local before = value [[SELECT count(*) AS v FROM "ContactCodeCount"]]
      for _, kind in ipairs { "phone", "whatsapp" } do
        local r = other:post("/v1/me/" .. kind, { [kind] = "+27825550000" }, { headers = headers(80) })
        assert.same({ 503, "not_provided" }, { r.status, r.json.code })
      end
      assert.equal(before, value [[SELECT count(*) AS v FROM "ContactCodeCount"]])
    end)
  end)
end)
