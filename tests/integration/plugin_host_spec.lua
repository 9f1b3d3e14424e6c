-- What the server does for plugins that ask: state, jobs, events, secrets; and requirements that they
-- override. The plugin is tests/fixtures/plugins/test.keeper.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local json = require "cjson"
local paths = require "support.paths"
local peers = require "support.peer"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"
local temp = require "support.temp"
local visit = require "support.visit"

local KEEPER <const> = paths.root .. "/tests/fixtures/plugins/test.keeper"

describe("a plugin that asks the server", function()
  local app, database, dir, secrets, peer

  setup(function()
    dir, secrets, database = temp.dir(), temp.dir(), cluster.fresh "demo"
    process.check { "cp", "-r", KEEPER, dir }
    process.check { "mkdir", secrets .. "/test.keeper" }
    paths.write(secrets .. "/test.keeper/token", "s3cret\n")
    peer = peers.start()
    app = server.start {
      database = database, workers = 2,
      env = {
        MEDBOOKD_PLUGINS_FOLDER = dir, MEDBOOKD_PLUGINS_SECRETS = secrets, MEDBOOKD_PLUGINS_STATE_KEYS = "20",
        MEDBOOKD_PLUGINS_STATE_VALUE = "1024", MEDBOOKD_PLUGINS_MAX_ASKS = "10", MEDBOOKD_PLUGINS_LOG_LINES = "50",
        MEDBOOKD_JOBS_POLL_INTERVAL = "50ms",
        MEDBOOKD_PLUGINS_MAX_KILLS = "0", MEDBOOKD_DATABASE_POOL_MAX = "4",
        -- Whoever waits for a lock goes on until the client leaves: nothing else ends it meanwhile.
        MEDBOOKD_DATABASE_LOCK_TIMEOUT = "5min", MEDBOOKD_DATABASE_STATEMENT_TIMEOUT = "5min",
        MEDBOOKD_HTTP_REQUEST_TIMEOUT = "5min",
        MEDBOOKD_CLIENT_ALLOW = "127.0.0.1", MEDBOOKD_CLIENT_PORTS = "1-65535",
      },
    }
  end)
  before_each(function() psql.run(database.url, 'DELETE FROM "PluginState"') end)

  local function ask(name, arguments)
    return app:post("/v1/plugins/test.keeper/" .. name, { json = json.encode(arguments) })
  end

  local function keys() return tonumber(psql.value(database.url, 'SELECT count(*) FROM "PluginState"')) end

  describe("for its state", function()
    it("keeps values of every kind for all processes, until they are taken away", function()
      for _, value in ipairs { "text", 12, 0.5, true, false, { a = { 1, 2, { b = "c" } } } } do
        assert.equal(204, ask("set", { key = "a", value = value }).status)
        for _ = 1, 4 do assert.same({ value = value }, ask("get", { key = "a" }).json) end
      end
      assert.is_true(ask("delete", { key = "a" }).json.was)
      assert.is_false(ask("delete", { key = "a" }).json.was)
      assert.same({}, ask("get", { key = "a" }).json)
    end)

    it("keeps them whatever advisory locks others hold", function()
      local lock = "SELECT pg_advisory_lock(hashtext('PluginState'), hashtext('test.keeper'))"
      local holder = process.start { "psql", "-qX", database.url, "-c", lock, "-c", "SELECT pg_sleep(600)" }
      local held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
      eventually(function() return psql.value(database.url, held) == "1" end)
      assert.equal(204, ask("set", { key = "a", value = 1 }).status)
      assert.equal("1", psql.value(database.url, held))
      holder:kill()
    end)

    it("forgets a value whose time is over", function()
      ask("set", { key = "a", value = 1, options = { ttl = "1h" } })
      assert.equal(1, ask("get", { key = "a" }).json.value)
      psql.run(database.url, [[UPDATE "PluginState" SET "expiresAt" = mb_now() - interval '1 ms']])
      assert.same({}, ask("get", { key = "a" }).json)
    end)

    for _, case in ipairs {
      { "a key that is none", { key = "", value = 1 }, "state.set: a key of the state is a text of 1 to 200 bytes" },
      { "a key that is too long", { key = ("k"):rep(201), value = 1 }, "is a text of 1 to 200 bytes" },
      { "no value", { key = "a" }, "state.set takes a value; state.delete takes one away" },
      { "a value that is too large", { key = "a", value = ("x"):rep(1100) }, "plugins.state_value allows 1024" },
      { "an unknown option", { key = "a", value = 1, options = { tll = "1s" } }, "unknown option 'tll'" },
      { "a span that is none", { key = "a", value = 1, options = { ttl = "soon" } }, "'ttl' is a span as" },
    } do
      it("refuses " .. case[1] .. " with a text at its line, and goes on", function()
        local answer = ask("caught", case[2]).json
        assert.is_false(answer.ok)
        assert.matches(case[3], answer.why, 1, true)
        assert.equal(0, keys())
      end)
    end

    it("is not given more keys than plugins.state_keys, however many ask at once", function()
      local clients = {}
      for i = 1, 40 do
        clients[i] = app:connect { timeout = 20 }
        local body = json.encode { json = json.encode { key = "k" .. i, value = i } }
        clients[i]:send(("POST /v1/plugins/test.keeper/set HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
          .. "Content-Length: %d\r\n\r\n%s"):format(#body, body))
      end
      local statuses = {}
      for _, client in ipairs(clients) do
        local status = assert(client:read "POST").status
        statuses[status] = (statuses[status] or 0) + 1
        client:close()
      end
      assert.same({ [204] = 20, [500] = 20 }, statuses)
      assert.equal(20, keys())
    end)
  end)

  it("is refused more than plugins.max_asks in one call", function()
    assert.equal(200, ask("many", { n = 10 }).status)
    local answer = ask("many", { n = 11 })
    assert.same({ 500, "plugin_failed" }, { answer.status, answer.json.code })
    eventually(function()
      return #app:log_lines(function(line)
        return line.request == answer.json.requestId
          and (line.error or ""):find("more than plugins.max_asks (10)", 1, true)
      end) == 1
    end)
  end)

  it("writes no more lines of log than plugins.log_lines in a second, and what is dropped is counted", function()
    local function count(msg)
      local lines, dropped = 0, 0
      for _, line in ipairs(app:log_lines(function(it) return it.msg == msg and it.plugin == "test.keeper" end)) do
        lines, dropped = lines + 1, dropped + (tonumber(line.dropped) or 0)
      end
      return lines, dropped
    end
    local calls = 0
    local function call(n)
      calls = calls + n
      assert.equal(200, ask("log", { n = n }).status)
    end
    call(1000)
    assert.is_true(count "noise" <= 100)
    -- The workers tell what they dropped with their next line; a call goes to either, and its line is written
    -- within half a second.
    local function is_complete()
      local _, dropped = count "lines of a plugin were dropped: it wrote too many"
      return count "noise" + dropped == calls
    end
    eventually(function()
      call(1)
      return pcall(eventually, is_complete, { within = 2 })
    end, { within = 60 })
  end)

  it("cannot ask from a coroutine of its own", function()
    assert.equal(500, ask("inside", {}).status)
    assert.equal(200, ask("get", { key = "a" }).status)
  end)

  it("may ask before a booking, and its answer counts", function()
    assert.equal(201, visit.book(app, "A").status)
    ask("set", { key = "closed", value = true })
    local refused = visit.book(app, "A")
    assert.same({ 422, "closed" }, { refused.status, refused.json.code })
  end)

  it("waits for the database without holding up others, and its client may leave", function()
    local holder = io.popen(("psql -X -q -d '%s' >/dev/null"):format(database.url), "w")
    holder:write 'BEGIN; LOCK TABLE "PluginState" IN ACCESS EXCLUSIVE MODE;\n'
    holder:flush()
    finally(function() if io.type(holder) == "file" then holder:close() end end) -- ends its transaction too
    local function locks(how, query)
      return tonumber(psql.value(database.url, ([[SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE relation = '"PluginState"'::regclass AND %s AND query LIKE '%s%%'
          AND application_name <> 'medbookd jobs']]):format(how, query))) -- whose jobs read it for the bookings above
    end
    local function waiting() return locks("NOT granted", 'SELECT "value"') end
    eventually(function() return locks("granted", "LOCK TABLE") == 1 end)
    local clients, body = {}, [[{"json":"{\"key\":\"a\"}"}]]
    for i = 1, 3 do
      clients[i] = app:connect()
      clients[i]:send(("POST /v1/plugins/test.keeper/get HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        .. "Content-Length: %d\r\n\r\n%s"):format(#body, body))
    end
    eventually(function() return waiting() > 0 end)
    assert.equal(200, app:get("/v1/providers?limit=1").status)
    for _, client in ipairs(clients) do client:reset() end -- one that closes may still read its answer
    eventually(function() return waiting() == 0 end)
    holder:write "ROLLBACK;\n"
    holder:close()
    assert.equal(200, ask("get", { key = "a" }).status)
  end)

  it("calls the servers that it declares, and no others", function()
    local answer = ask("call", { url = ("http://LocalHost:%d/echo"):format(peer.port), body = "hello" }).json.answer
    assert.equal(200, answer.status)
    assert.matches("hello$", answer.body)
    local failure = ask("call", { url = ("http://localhost:%d/close"):format(peer.port) }).json.failure
    assert.equal("connection_lost", failure.code)
    assert.equal("url_invalid", ask("call", { url = "http://" }).json.failure.code)
    assert.equal("resolve_failed", ask("call", { url = "http://no.good.example/" }).json.failure.code)
    local before = peer:count "connection"
    for _, case in ipairs {
      { { url = peer.url }, "'127.0.0.1' is not among the hosts of the manifest" },
      { { url = "http://good.example/" }, "'good.example' is not among" },
      { { url = "http://nogood.example/" }, "'nogood.example' is not among" },
      { { url = "http://localhost.good.example.evil/" }, "is not among" },
      { { url = "http://localhost/", redirects = 1 }, "redirects are not followed for plugins" },
      { { url = "http://localhost/", methd = "GET" }, "unknown key 'methd'" },
      { { method = "GET" }, "http.request { url = … }" },
    } do
      local why = ask("call-caught", case[1]).json.why
      assert.matches("^plugins/test.keeper/plugin.lua:%d+: http.request", why)
      assert.matches(case[2], why, 1, true)
    end
    assert.equal(before, peer:count "connection")
  end)

  it("signs with a key of its own, as RFC 4231 has it", function()
    assert.equal("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      ask("sign", { key = "Jefe", text = "what do ya want for nothing?" }).json.text)
    assert.equal(500, ask("sign", { key = "", text = "x" }).status)
  end)

  it("gets the secrets that it declares, and no others", function()
    assert.equal(#"s3cret", ask("secret", { name = "token" }).json.length)
    assert.equal(500, ask("secret", { name = "other" }).status)
  end)

  it("has secrets that are no scripts", function()
    local function check(folder)
      local env = { MEDBOOKD_PLUGINS_SECRETS = folder, MEDBOOKD_PLUGINS_FOLDER = dir }
      return process.run({ paths.binary(), "check" }, { env = env }).out
    end
    local more = temp.dir()
    process.check { "cp", "-r", secrets .. "/test.keeper", more }
    paths.write(more .. "/test.keeper/another", "x")
    assert.matches("^%d+ scripts", check(secrets))
    assert.equal(check(secrets), check(more))
  end)

  it("puts jobs off, which run with their payload", function()
    local id = ask("enqueue", { name = "note", payload = { text = "hello" } }).json.id
    eventually(function() return ask("get", { key = "jobs" }).json.value end)
    assert.same({ "hello 1" }, ask("get", { key = "jobs" }).json.value)
    assert.equal("plugin.test.keeper.note DONE",
      psql.value(database.url, ([[SELECT "kind" || ' ' || "status" FROM "Job" WHERE "id" = '%s']]):format(id)))
  end)

  it("has a job that fails tried again, and given up", function()
    ask("enqueue", { name = "fail" })
    ask("enqueue", { name = "loop" })
    eventually(function()
      return psql.value(database.url, [[SELECT count(*) FROM "Job" WHERE "status" = 'DEAD']]) == "2"
    end)
    assert.same({ 1, 2 }, ask("get", { key = "failed" }).json.value)
    local function why(name)
      return psql.value(database.url, ([[SELECT "lastError" FROM "Job" WHERE "kind" = 'plugin.test.keeper.%s']])
        :format(name))
    end
    assert.matches("plugins/test.keeper/plugin.lua:%d+: no luck", why "fail")
    assert.matches("plugin_limit: .*plugins.cpu", why "loop")
  end)

  it("cannot enqueue the jobs of others", function()
    assert.equal(500, ask("enqueue", { name = "bookings.expire" }).status)
    assert.equal(500, ask("enqueue", { name = "note", payload = "text" }).status)
    assert.equal(500, ask("enqueue", { name = "note", payload = { text = ("x"):rep(65000) } }).status)
  end)

  it("hears of events", function()
    assert.equal(201, visit.book(app, "A").status)
    eventually(function() return ask("get", { key = "heard" }).json.value end)
    assert.equal("booking.created", ask("get", { key = "heard" }).json.value[1])
  end)

  it("overrides requirements, after the files of the installation", function()
    local id = psql.value(database.url, [[SELECT "id" FROM "ProviderType" WHERE "name" = 'General Practitioner']])
    for _, it in ipairs(app:get("/v1/provider-types/" .. id .. "/requirements").json.data) do
      if it.key == "hpcsa-number" then
        assert.equal(9, it.config.maxLength)
        assert.is_nil(it.config.helpText)
        assert.equal("^MP\\d{6}$", it.config.pattern)
        assert.equal("test.keeper (plugins/test.keeper/plugin.lua)", it.sources.maxLength)
        return
      end
    end
    error "the requirement is gone"
  end)
end)

describe("a plugin that asks for what it does not declare", function()
  it("is refused then", function()
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/a.b" }
    paths.write(dir .. "/a.b/plugin.lua", [[
      local medbookd = require "medbookd"
      return { api = 1, name = "a.b", version = "1", capabilities = { "routes" }, routes = { {
        method = "GET", path = "/v1/plugins/a.b/x", summary = "x", permission = "public",
        handler = function() return { why = select(2, pcall(medbookd.state.get, "a")) } end } } }]])
    local app = server.start {
      database = cluster.fresh "schema", workers = 1, env = { MEDBOOKD_PLUGINS_FOLDER = dir },
    }
    assert.matches("state.get: the manifest does not declare the capability 'state'",
      app:get("/v1/plugins/a.b/x").json.why, 1, true)
  end)

  -- What `check` says of a manifest with this in it.
  local function refusal(text)
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/a.b" }
    paths.write(dir .. "/a.b/plugin.lua", "local function f() end return { api = 1, name = 'a.b', version = '1', " ..
      "capabilities = { 'jobs', 'events', 'http', 'secrets', 'requirements' }, " .. text .. " }")
    local r = process.run({ paths.binary(), "check" }, { env = { MEDBOOKD_PLUGINS_FOLDER = dir } })
    assert.equal(1, r.code, r.out)
    return r.err
  end

  for _, case in ipairs {
    { "a secret that is not there", "secrets = { 'token' }",
      "there is no secret 'token' (write it into the file a.b/token of plugins.secrets)" },
    { "a secret outside its folder", "secrets = { '../x' }", "there is no secret '../x'" },
    { "a job without a function", "jobs = { { name = 'x' } }", "a job needs 'handler'" },
    { "a job twice", "jobs = { { name = 'x', handler = f }, { name = 'x', handler = f } }",
      "the job 'plugin.a.b.x' is declared at plugins/a.b/plugin.lua" },
    { "a schedule that is none", "jobs = { { name = 'x', every = 'often', handler = f } }", "'every' is a span" },
    { "an event that is no name", "events = { { on = 'Booked', handler = f } }", "event 1 is a name" },
    { "an event that nothing tells", "events = { { on = 'booking.creatd', handler = f } }",
      "there is no event 'booking.creatd' (did you mean 'booking.created'?)" },
    { "a requirement of no type", "requirements = { { provider_type = 'x', items = { y = { type = 'TXT', "
      .. "config = {} } } } }",
      "there is no type `of.txt` (did you mean 'text'?)" },
    { "a key that its type has not", "requirements = { { provider_type = 'x', items = { y = { type = 'TEXT', "
      .. "config = { maxLen = 1 } } } } }", "unknown key 'maxLen' of TEXT" },
    { "a host that is none", "http = { hosts = { 'https://a/' } }", "'https://a/' is no host" },
    { "a host of everything", "http = { hosts = { '*' } }", "'*' is no host" },
    { "no hosts", "http = {}", "http needs 'hosts'" },
    { "an item that is none", "requirements = { { provider_type = 'x', items = { y = 1 } } }",
      "requirement 'y' is { type = \"TEXT\", config = { … } }" },
  } do
    it("is refused " .. case[1] .. " when it loads", function()
      assert.matches(case[3], refusal(case[2]), 1, true)
    end)
  end
end)
