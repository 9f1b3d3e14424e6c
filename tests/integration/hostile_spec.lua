-- Attacks on a running medbookd: input made to break it, callers after what is not theirs, clients
-- that vanish, a database that stalls. None may be answered 500, end a worker or leave anything behind.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local hostile = require "fixtures.hostile"
local http = require "support.http"
local mime = require "mime"
local native = require "support.native"
local process = require "support.process"

local CLIENTS <const>, PIPELINE <const> = 60, 1000
local PATIENT <const>, PASSWORD <const> = "thandi@demo.example", "Sunbird-2026"

describe("under attack, medbookd", function()
  local clinic, app

  setup(function()
    clinic = clinics.start {
      database = cluster.fresh "demo", workers = 2,
      env = {
        MEDBOOKD_DATABASE_POOL_MAX = "2", MEDBOOKD_DATABASE_QUEUE_TIMEOUT = "1s",
        MEDBOOKD_DATABASE_STATEMENT_TIMEOUT = "2s", MEDBOOKD_HTTP_REQUEST_TIMEOUT = "3s",
        MEDBOOKD_AUTH_FAILURES = "0",
      },
    }
    app = clinic.server
  end)

  local function with(token, more)
    local headers = { Authorization = "Bearer " .. token }
    for k, v in pairs(more or {}) do headers[k] = v end
    return { headers = headers }
  end

  local function guest(slot, more)
    local body = { slotId = slot, guestName = "Guest", guestEmail = slot .. "@example.org", isOnline = false }
    for k, v in pairs(more or {}) do body[k] = v end
    return body
  end

  local function book(more)
    local made = app:post("/v1/bookings", guest(clinic:take_slots(1)[1], more))
    assert.equal(201, made.status, made.body)
    return made.json, made
  end

  -- Sends every request before reading any answer, each on a connection of its own.
  local function at_once(requests)
    local connections, answers = {}, {}
    for i, bytes in ipairs(requests) do
      connections[i] = app:connect { timeout = 30 }
      assert(connections[i]:send(bytes))
    end
    for i, connection in ipairs(connections) do
      answers[i] = assert(connection:read "POST")
      connection:close()
    end
    return answers
  end

  local function is_clean(answer)
    assert.is_true(answer.status ~= 500 and answer.status ~= 502, answer.body)
    if answer.status == 503 or answer.status == 504 then
      assert.is_truthy(tonumber(answer.headers["retry-after"]), answer.body)
    end
  end

  after_each(function()
    assert.equal(0, app:figure "medbookd_script_errors_total")
    assert.is_nil(clinic:broken())
  end)

  describe("given hostile input", function()
    it("refuses every broken body and goes on with the connection", function()
      local connection = app:connect()
      local headers = { ["Content-Type"] = "application/json" }
      for _, body in ipairs(hostile.bodies) do
        local answer = connection:request("POST", "/v1/bookings", { headers = headers, body = body })
        assert.is_true(answer.status == 400 or answer.status == 422, body:sub(1, 60) .. ": " .. answer.status)
      end
      connection:close()
    end)

    it("answers no target with 5xx", function()
      for _, target in ipairs(hostile.targets) do
        local status = app:get(target).status
        assert.is_true(status < 500, target:sub(1, 60) .. ": " .. status)
      end
    end)

    it("refuses every forged cursor", function()
      for _, text in ipairs(hostile.cursors) do
        local cursor = mime.b64(text):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" })
        local answer = app:get("/v1/slots?providerId=x&cursor=" .. cursor)
        assert.equal(400, answer.status, text)
        assert.equal("invalid_cursor", answer.json.code)
      end
    end)

    it("keeps any text as it is and runs none of it", function()
      local slots = clinic:take_slots(#hostile.texts)
      for i, text in ipairs(hostile.texts) do
        local made = app:post("/v1/bookings", guest(slots[i], { guestName = text, notes = text }))
        assert.equal(201, made.status, made.body)
        local seen = app:get("/v1/bookings/" .. made.json.id, with(made.json.manageToken)).json
        assert.equal(text, seen.guestName)
        assert.equal(text, seen.notes)
      end
    end)

    it("writes one line of the log for each request, without tokens and patients", function()
      local made = book { guestName = "Nobody To See" }
      local forged = "x%0d%0atime=2026-01-01 level=error msg=forged \27[31m"
      app:get("/v1/providers/x%0d%0atime=2026-01-01%20level=error%20msg=forged", with(made.manageToken, {
        ["X-Request-Id"] = "a\"b=c", Origin = forged:gsub("\27", ""), ["User-Agent"] = "a\" msg=forged \"",
      }))
      app:connect():send(("GET /v1/providers HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n\r\n"):format(forged))
      app:await_log 'path="/v1/providers/x'
      for line in app:log():gmatch "[^\n]+" do
        assert.is_truthy(line:match "^time=%S+ level=%a+ proc=" or line:match "^medbookd: ", line)
        assert.is_nil(line:match "[%c]", line)
      end
      for _, secret in ipairs { made.manageToken, "Nobody To See", "guest@example.org", " msg=forged" } do
        assert.is_nil(app:log():find(secret, 1, true), secret)
      end
    end)
  end)

  describe("asked for what is somebody else's", function()
    it("shows and cancels a booking for nobody but its holder", function()
      local mine, other = book(), book()
      local token = mine.manageToken
      local tokens = { other.manageToken, token:sub(1, -2), token .. "A", token:upper(), "mbt_", "' OR 1=1--" }
      for _, wrong in ipairs(tokens) do
        for _, method in ipairs { "GET", "POST" } do
          local target = "/v1/bookings/" .. mine.id .. (method == "POST" and "/cancel" or "")
          local status = app:request(method, target, with(wrong)).status
          assert.is_true(status == 401 or status == 404, wrong .. ": " .. status)
        end
      end
      assert.equal("CONFIRMED", app:get("/v1/bookings/" .. mine.id, with(token)).json.status)
    end)

    it("refuses two tokens or keys in one request", function()
      local mine = book()
      for _, name in ipairs { "Authorization", "Idempotency-Key" } do
        local headers = { { name, "Bearer x" }, { name:lower(), "Bearer " .. mine.manageToken } }
        local answer = app:request("POST", "/v1/bookings/" .. mine.id .. "/cancel", { headers = headers })
        assert.equal("repeated_header", answer.json.code)
      end
    end)

    it("never hands one caller's answer to another who has the same Idempotency-Key", function()
      local slot, key = clinic:take_slots(1)[1], "shared"
      local session = app:post("/v1/auth/login", { email = PATIENT, password = PASSWORD }).json
      local mine = app:post("/v1/bookings", { slotId = slot, isOnline = false },
        with(session.token, { ["Idempotency-Key"] = key }))
      assert.equal(201, mine.status, mine.body)
      for _, body in ipairs { guest(slot), { slotId = slot, isOnline = false, clientId = session.userId } } do
        local answer = app:post("/v1/bookings", body, { headers = { ["Idempotency-Key"] = key } })
        assert.is_true(answer.status == 409 or answer.status == 403, answer.body)
        assert.is_nil(answer.json.manageToken)
      end
    end)

    it("makes one booking of a slot that many want with one key and different bodies", function()
      local slot, requests, ids = clinic:take_slots(1)[1], {}, {}
      for i = 1, 16 do
        requests[i] = http.format("POST", "/v1/bookings", {
          headers = { ["Idempotency-Key"] = "race" }, body = guest(slot, { notes = "body " .. i % 4 }),
        })
      end
      for _, answer in ipairs(at_once(requests)) do
        is_clean(answer)
        if answer.status == 201 then ids[answer.json.id] = true end
      end
      assert.is_truthy(next(ids))
      assert.is_nil(next(ids, (next(ids))))
    end)
  end)

  describe("left by its clients", function()
    local function is_quiet()
      return app:figure "medbookd_connections_open" <= 1 and app:figure "medbookd_db_waiting" == 0
        and app:figure "medbookd_db_connections_idle" == app:figure "medbookd_db_connections"
    end

    it("gives everything back, whenever they go", function()
      local requests = {
        http.format("POST", "/v1/bookings", { body = guest("none", { notes = ("x"):rep(1500) }) }),
        http.format("POST", "/v1/auth/login", { body = { email = PATIENT, password = "wrong" } }),
        http.format("GET", clinic:search(100)):rep(20),
      }
      for _, bytes in ipairs(requests) do
        for i = 1, CLIENTS do
          local connection = app:connect()
          local whole = i % 2 == 0
          connection:send(whole and bytes or bytes:sub(1, #bytes * i // CLIENTS))
          if whole and i % 3 == 0 then connection:fill() end
          if i % 4 < 2 then connection:reset() else connection:close() end
        end
      end
      eventually(is_quiet, { within = 20, what = "everything to be given back" })
      assert.equal(200, app:get(clinic:search(1)).status)
    end)

    it("answers a pipeline of 1,000 requests in order", function()
      local connection = app:connect { timeout = 30 }
      local requests = {}
      for i = 1, PIPELINE do
        requests[i] = http.format("GET", "/v1/bookings/" .. i, { headers = { ["X-Request-Id"] = "request-" .. i } })
      end
      assert(connection:send(table.concat(requests)))
      for i = 1, PIPELINE do assert.equal("request-" .. i, connection:read("GET").headers["x-request-id"]) end
      connection:close()
    end)

    it("answers each of 200 log-ins at once and goes on serving others", function()
      local requests, seen = {}, {}
      for i = 1, 200 do
        requests[i] = http.format("POST", "/v1/auth/login", { body = { email = PATIENT, password = "wrong" .. i } })
      end
      for _, answer in ipairs(at_once(requests)) do
        seen[answer.status] = (seen[answer.status] or 0) + 1
      end
      assert.equal(200, (seen[401] or 0) + (seen[429] or 0) + (seen[503] or 0) + (seen[504] or 0))
      assert.is_truthy(seen[401])
      assert.equal(200, app:get(clinic:search(1)).status)
    end)
  end)

  describe("whose database stalls", function()
    it("refuses bookings of a locked provider cleanly, and takes them afterwards", function()
      local slots, requests = clinic:take_slots(CLIENTS), {}
      for i, slot in ipairs(slots) do requests[i] = http.format("POST", "/v1/bookings", { body = guest(slot) }) end
      local lock = process.start({ "psql", "-X", "-q", "-d", clinic:url(), "-c",
        [[BEGIN; SELECT FROM "ProviderAgenda" FOR UPDATE; SELECT pg_sleep(60)]] })
      local asleep = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
      eventually(function() return #clinic:query(asleep) == 1 end, { what = "the lock" })
      for _, answer in ipairs(at_once(requests)) do
        is_clean(answer)
        assert.is_true(({ [409] = true, [503] = true, [504] = true })[answer.status], answer.body)
        assert.is_truthy(tonumber(answer.headers["retry-after"]), answer.body)
      end
      clinic:query((asleep:gsub("pid", "pg_terminate_backend(pid)", 1)))
      lock:wait(10)
      assert.equal(201, app:post("/v1/bookings", guest(slots[1])).status)
    end)

    it("answers although every session of the server is frozen, and heals", function()
      local sessions = clinic:query [[
        SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()]]
      local requests = {}
      for i = 1, 8 do requests[i] = http.format("GET", clinic:search(1 + i)) end
      for _, session in ipairs(sessions) do assert(native.kill(math.tointeger(session.pid), process.signals.STOP)) end
      local answers = at_once(requests)
      for _, session in ipairs(sessions) do native.kill(math.tointeger(session.pid), process.signals.CONT) end
      for _, answer in ipairs(answers) do is_clean(answer) end
      eventually(function() return app:get(clinic:search(1)).status == 200 end, { what = "a search to work" })
    end)
  end)

  it("has lost no worker in all this", function()
    assert.equal(0, app:figure "medbookd_worker_restarts_total")
    assert.is_nil(app:log():match "Sanitizer" or app:log():match "runtime error")
  end)
end)
