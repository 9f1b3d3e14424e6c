-- Every limit that an operator can set: set low by its key it bites, and what is refused is told the
-- limit and the key. Limits of the HTTP layer by itself stand in http_limits_spec.lua.
local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local http = require "support.http"
local process = require "support.process"
local server = require "support.server"

local JSON <const> = { ["Content-Type"] = "application/json" }
local LOGIN <const> = cjson.encode { email = "naledi.mokoena@demo.example", password = "Sunbird-2026" }

local function assert_refused(response, status, code, ...)
  assert.same({ status, code }, { response.status, response.json.code })
  for _, words in ipairs { ... } do assert.truthy(response.json.detail:find(words, 1, true), response.json.detail) end
end

describe("limits of what a client sends:", function()
  local app, database

  setup(function()
    database = cluster.fresh "demo"
    app = server.start {
      database = database, workers = 1,
      env = {
        MEDBOOKD_JSON_MAX_DEPTH = "3", MEDBOOKD_JSON_MAX_KEYS = "4", MEDBOOKD_JSON_MAX_TOKENS = "20",
        MEDBOOKD_JSON_MAX_STRING = "100B", MEDBOOKD_HTTP_MAX_JSON_BODY = "512B", MEDBOOKD_HTTP_MAX_QUERY_FIELDS = "3",
        MEDBOOKD_AUTH_HASH_PARALLEL = "1", MEDBOOKD_AUTH_HASH_QUEUE = "0", MEDBOOKD_AUTH_SESSION_IDLE = "90s",
        MEDBOOKD_AUTH_SESSION_MAX = "1h",
      },
    }
  end)

  local function post(body) return app:post("/v1/auth/login", nil, { headers = JSON, body = body }) end

  for key, case in pairs {
    ["json.max_depth"] = { "deeper than 3", '{"a":[[[]]]}' },
    ["json.max_keys"] = { "more than 4", '{"a":1,"b":2,"c":3,"d":4,"e":5}' },
    ["json.max_tokens"] = { "more than 20", "[" .. ("1,"):rep(20) .. "1]" },
    ["json.max_string"] = { "more than 100", '{"email":"' .. ("a"):rep(101) .. '"}' },
  } do
    it(key, function() assert_refused(post(case[2]), 400, "limit_exceeded", case[1], "(" .. key .. ")") end)
  end

  it("http.max_json_body", function()
    assert_refused(post('{"email":"' .. ("a"):rep(600) .. '"}'), 413, "body_too_large", "512", "http.max_json_body")
  end)

  it("http.max_query_fields", function()
    assert_refused(app:get "/v1/providers?a=1&b=2&c=3&d=4", 400, "invalid_query", "3", "(http.max_query_fields)")
  end)

  -- Sends so many registrations at once, from an address behind a proxy; the open connections.
  local function send_registrations(site, n, address)
    local clients = {}
    for i = 1, n do
      clients[i] = site:connect { timeout = 30 }
      clients[i]:send(http.format("POST", "/v1/auth/register", {
        headers = { ["X-Forwarded-For"] = address },
        body = { name = "Many", email = ("many%d@example.org"):format(i), password = "seven lazy cranes" },
      }))
    end
    return clients
  end

  -- How often each status came.
  local function count_answers(clients)
    local count = { [202] = 0, [429] = 0 }
    for _, client in ipairs(clients) do
      local response = client:read()
      count[response.status] = count[response.status] + 1
      if response.status == 429 then
        assert_refused(response, 429, "login_busy", "(auth.hash_queue)")
        assert.equal("1", response.headers["retry-after"])
      end
      client:close()
    end
    return count
  end

  it("auth.hash_parallel and auth.hash_queue", function()
    local count = count_answers(send_registrations(app, 20))
    assert.is_true(count[202] > 0 and count[429] > 0)
  end)

  it("auth.hash_queue, of which one address has a quarter at most", function()
    local site = server.start {
      database = cluster.fresh "schema", workers = 1,
      env = { MEDBOOKD_AUTH_HASH_PARALLEL = "1", MEDBOOKD_AUTH_HASH_QUEUE = "40",
              MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1" },
    }
    local crowd = send_registrations(site, 60, "192.0.2.1")
    local other = send_registrations(site, 1, "192.0.2.2")
    assert.equal(1, count_answers(other)[202])
    local count = count_answers(crowd)
    assert.is_true(count[429] > 0 and count[202] > 10)
    assert.equal("0", site.options.database.query [[SELECT count(*) AS v FROM "LoginAttempt"]][1].v)
    site:stop()
  end)

  it("auth.session_max and auth.session_idle", function()
    local function spans(column)
      return database.query(([[SELECT DISTINCT extract(epoch FROM "expiresAt" - "%s")::int AS s
        FROM "Session" WHERE "createdAt" > now() - interval '1 hour']]):format(column))
    end
    assert.equal(200, post(LOGIN).status)
    assert.same({ { s = "90" } }, spans "lastSeenAt")
    local token = post(LOGIN).json.token
    database.run [[UPDATE "Session" SET "createdAt" = "createdAt" - interval '1000 s',
      "lastSeenAt" = "lastSeenAt" - interval '1000 s']]
    assert.equal(200, app:get("/v1/me", { headers = { Authorization = "Bearer " .. token } }).status)
    eventually(function()
      return #database.query [[SELECT 1 AS v FROM "Session"
        WHERE "expiresAt" - "createdAt" BETWEEN '1085 s' AND '1095 s' AND "lastSeenAt" > now() - interval '1 min']] == 1
    end, { what = "the session to be noted as used" })
    database.run [[UPDATE "Session" SET "createdAt" = "createdAt" - interval '1 hour',
      "lastSeenAt" = "lastSeenAt" - interval '1000 s']]
    assert.equal(200, app:get("/v1/me", { headers = { Authorization = "Bearer " .. token } }).status)
    eventually(function()
      return #database.query [[SELECT 1 AS v FROM "Session" WHERE "lastSeenAt" > now() - interval '1 min']] == 1
    end)
    assert.equal("0", database.query [[SELECT count(*) AS v FROM "Session" WHERE "expiresAt" > now() + interval '91 s'
      ]][1].v)
  end)
end)

describe("limits of what a script sends and takes in:", function()
  local app

  setup(function()
    app = server.start {
      database = cluster.fresh(), workers = 1,
      env = {
        MEDBOOKD_HOME = home.with "limits/limits.lua", MEDBOOKD_HTTP_MAX_REPLY = "64KB", MEDBOOKD_DEV = "true",
        MEDBOOKD_HTTP_MAX_INPUT_BYTES = "1KB", MEDBOOKD_HTTP_MAX_PIPELINE_BYTES = "2KB",
      },
    }
  end)

  it("http.max_reply, of an answer", function()
    assert.equal(60000, #app:get("/limits/reply?n=60000").json.text)
    assert_refused(app:get "/limits/reply?n=70000", 500, "internal_error", "over 65536 bytes (http.max_reply)")
  end)

  it("http.max_reply, of a text that json.encode makes", function()
    assert.equal(60011, app:get("/limits/encode?n=60000").json.length)
    assert_refused(app:get "/limits/encode?n=70000", 500, "internal_error", "json.encode", "(http.max_reply)")
  end)

  it("http.max_input_bytes and http.max_pipeline_bytes: a slow reader holds no more than both", function()
    local response = app:post("/limits/upload", nil, { headers = { ["Content-Type"] = "application/octet-stream" },
                                                       body = ("x"):rep(300000) })
    assert.equal(300000, response.json.total, response.body)
    assert.is_true(response.json.longest < 3 * 1024, response.body)
  end)
end)

describe("limits of connections:", function()
  local app

  setup(function()
    app = server.start { database = cluster.fresh(), workers = 1,
                         env = { MEDBOOKD_HTTP_MAX_CONNECTIONS = "2", MEDBOOKD_HTTP_IDLE_TIMEOUT = "300ms",
                                 MEDBOOKD_HTTP_BODY_TIMEOUT = "300ms" } }
  end)

  it("http.max_connections", function()
    local kept = { app:connect(), app:connect() }
    for _, client in ipairs(kept) do client:send "GET /livez HTTP/1.1\r\n" end
    eventually(function()
      local third = app:connect()
      local response = third:read()
      third:close()
      return response and response.status == 503 and response.json.detail:find("(http.max_connections)", 1, true)
    end)
    for _, client in ipairs(kept) do client:close() end
  end)

  it("http.idle_timeout", function()
    eventually(function()
      local client = app:connect()
      local response = client:request("GET", "/livez")
      local is_closed = response and response.status == 200 and client:is_closed(30)
      client:close()
      return is_closed
    end)
  end)

  it("http.body_timeout", function()
    eventually(function()
      local client = app:connect()
      client:send(http.format("POST", "/v1/auth/login", { headers = JSON, body = LOGIN }):sub(1, -2))
      local response = client:read()
      client:close()
      return response and response.status == 408 and response.json.detail:find("300 ms (http.body_timeout)", 1, true)
    end)
  end)
end)

describe("a worker that is not up in time", function()
  it("worker.start_timeout: is ended, and its place is filled again", function()
    local dir = home.with()
    local script = assert(io.open(dir .. "/lua/routes/slow.lua", "w"))
    script:write "while true do end"
    script:close()
    local app = server.start { database = cluster.fresh(), workers = 1, wait = false,
                               -- no keys of scripts, for which a start loads them before
                               env = { MEDBOOKD_HOME = dir, MEDBOOKD_WORKER_START_TIMEOUT = "500ms",
                                       MEDBOOKD_BOOKING_GUEST_RATE_ADDRESS = false,
                                       MEDBOOKD_BOOKING_GUEST_RATE = false, MEDBOOKD_AUTH_FAILURES_ADDRESS = false,
                                       MEDBOOKD_AUTH_LINK_RATE_ADDRESS = false } }
    for _, line in ipairs {
      "worker hangs[^\n]*%(worker%.start_timeout%)", "worker ended",
      'at=routes/slow%.lua:1 [^\n]*limit="worker%.start_timeout = 500ms"',
    } do
      app:await_log(line, true)
    end
    process.check { "rm", dir .. "/lua/routes/slow.lua" } -- read at the start only
    assert.is_true(app.process:is_running())
    app:kill()
  end)
end)
