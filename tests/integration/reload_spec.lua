-- Replacing scripts while they serve: one switch for all workers, truthful answers, nothing changed by
-- a broken tree, requests that end where they began.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"
local reloads = require "chaos.reloads"
local server = require "support.server"

describe("a reload", function()
  local app, dir

  local function start(env)
    dir = home.with()
    reloads.stamp(dir, 1)
    local all = { MEDBOOKD_HOME = dir, MEDBOOKD_RELOAD_LOAD_TIMEOUT = "2s", MEDBOOKD_WORKER_SCRIPT_MEMORY = "32MB" }
    for key, value in pairs(env or {}) do all[key] = value end
    app = server.start { database = cluster.fresh(), env = all }
    return app
  end

  local function stamp() return app:get("/stamp").json.route end
  -- A worker that has just started may still be without a database.
  local function generation()
    local name
    eventually(function()
      name = app:get("/readyz").json.generation
      return name
    end, { what = "the server to be ready" })
    return name
  end

  describe("asked for on the admin address", function()
    local function post(what, headers)
      return app:request("POST", "/v1/admin/" .. what, { port = app.admin_port, headers = headers, timeout = 30 })
    end

    it("does the same, and goes back", function()
      start()
      local first = generation()
      reloads.stamp(dir, 2)
      local r = post "reload"
      assert.equal(200, r.status, r.body)
      assert.equal(generation(), r.json.generation)
      assert.not_equal(first, r.json.generation)
      assert.matches("^generation %x+ serves, after %x+", r.json.detail)
      assert.equal(2, stamp())
      assert.matches("have not changed$", post("reload").json.detail)
      assert.same({ 200, first }, { post("rollback").status, generation() })
      assert.equal(1, stamp())
    end)

    it("tells every fault with file, line and column, and changes nothing", function()
      start()
      local before = generation()
      paths.write(dir .. "/lua/routes/a.lua", "return {\n  oops\n")
      paths.write(dir .. "/lua/routes/b.lua", "return { { method = 'GET' } }")
      local r = post "reload"
      assert.same({ 422, "reload_refused" }, { r.status, r.json.code })
      assert.matches("^nothing was changed; generation " .. before, r.json.detail)
      local lines = {}
      for _, it in ipairs(r.json.errors) do
        if it.file then lines[it.file] = { it.line, it.column } end
      end
      assert.same({ 3, 1 }, lines["routes/a.lua"])
      assert.equal(before, generation())
      local refused = post "rollback"
      assert.same({ 422, "reload_refused" }, { refused.status, refused.json.code })
    end)

    it("is not on the public address", function()
      start()
      assert.equal(404, app:post("/v1/admin/reload", {}).status)
      assert.equal(0, app:figure "medbookd_reloads_total")
    end)

    it("answers each of many who ask at once, and does not hold up others", function()
      start()
      local clients = {}
      for i = 1, 12 do
        reloads.stamp(dir, 100 + i)
        clients[i] = assert(http.connect(app.admin_port, { timeout = 30 }))
        clients[i]:send "POST /v1/admin/reload HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert.equal(200, app:get("/livez").status)
      end
      clients[1]:close()
      for i = 2, 12 do
        local status = assert(clients[i]:read "POST").status
        assert.is_true(status == 200 or status == 503 or status == 422, status)
        clients[i]:close()
      end
      assert.equal(200, post("reload").status)
      assert.equal(112, stamp())
    end)
  end)

  it("puts changed scripts into service and says so", function()
    start()
    local before = generation()
    reloads.stamp(dir, 2)
    assert.equal(1, stamp())
    local r = app:command "reload"
    assert.equal(0, r.code, r.err)
    assert.equal(2, stamp())
    assert.not_equal(before, generation())
    local counted = app:command("check").out:match "^%d+ scripts, %d+ routes"
    assert.matches("generation " .. generation() .. " serves, after " .. before .. ": " .. counted, r.out, 1, true)
    assert.matches('\nmedbookd_generation_info{generation="' .. generation() .. '"} 1\n', app:admin("/metrics").body)
  end)

  it("tells how long it kept each process from its work at most", function()
    start()
    local function pauses()
      local found, n = {}, 0
      local metrics = app:admin("/metrics").body
      for worker, seconds in metrics:gmatch '\nmedbookd_reload_pause_seconds{worker="(%w+)"} ([%d.]+)' do
        found[worker], n = tonumber(seconds), n + 1
      end
      return found, n
    end
    local _, processes = pauses()
    assert.is_true(processes >= 2)
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    for worker, seconds in pairs((pauses())) do
      assert.is_true(seconds > 0, worker)
    end
  end)

  it("is done by SIGHUP too", function()
    start()
    reloads.stamp(dir, 2)
    app:signal "HUP"
    eventually(function() return stamp() == 2 end)
  end)

  it("of a tree that has not changed changes nothing and succeeds", function()
    start()
    local before = generation()
    local r = app:command "reload"
    assert.equal(0, r.code)
    assert.matches("not changed", r.out)
    assert.equal(before, generation())
    assert.equal(0, app:figure "medbookd_reloads_total")
  end)

  it("of a broken tree changes nothing, fails and names file and line", function()
    start()
    local before = generation()
    paths.write(dir .. "/lua/routes/broken.lua", "return {\n  method =\n}")
    local r = app:command "reload"
    assert.equal(1, r.code)
    assert.matches("broken.lua:3:1: ", r.err, 1, true)
    assert.matches("nothing was changed; generation " .. before .. " serves", r.err, 1, true)
    assert.equal(before, generation())
    assert.equal(1, app:figure "medbookd_reload_failures_total")
  end)

  it("is refused where no server runs", function()
    start()
    app:stop()
    local r = app:command "reload"
    assert.equal(1, r.code)
    assert.matches("no medbookd uses it; start one with medbookd run", r.err)
  end)

  it("fails no request and lets none see two generations, under 16 clients, half of the trees broken", function()
    start()
    local seen = reloads.run(app, dir, { clients = 16, reloads = 20 })
    assert.same({}, seen.faults)
    assert.same({ 10, 10 }, { seen.good, seen.broken })
    assert.equal(0, seen.older)
    reloads.await_generations(app, 2)
  end)

  it("lets a request end with the scripts it began with", function()
    start()
    local slow = app:connect()
    slow:send "GET /stamp?wait=1000 HTTP/1.1\r\nHost: a\r\n\r\n"
    eventually(function() return app:admin("/metrics").body:match '\nmedbookd_requests_in_flight{worker="%d"} 1' end)
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    assert.equal(2, stamp())
    local r = slow:read "GET"
    assert.equal(200, r.status)
    assert.same({ before = 1, after = 1, route = 1 }, r.json)
  end)

  it("keeps at most three generations and cuts what outlives reload.drain_timeout", function()
    start { MEDBOOKD_RELOAD_DRAIN_TIMEOUT = "500ms", MEDBOOKD_WORKERS = "1", MEDBOOKD_HTTP_REQUEST_TIMEOUT = "60s",
            MEDBOOKD_DATABASE_STATEMENT_TIMEOUT = "60s" }
    local slow = app:connect { timeout = 60 }
    slow:send "GET /stamp?wait=50000 HTTP/1.1\r\nHost: a\r\n\r\n"
    eventually(function()
      return app:figure 'medbookd_requests_in_flight{worker="1"}' == 2
    end)
    for number = 2, 4 do
      reloads.stamp(dir, number)
      assert.equal(0, app:command("reload").code)
      reloads.await_generations(app, 3)
    end
    local r = slow:read "GET"
    assert.equal(503, r.status)
    assert.equal("reloaded", r.json.code)
    assert.equal(4, stamp())
    reloads.await_generations(app, 2)
  end)

  it("is joined by a worker that starts after it", function()
    start()
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    for _, pid in ipairs(app:workers()) do app:signal("KILL", pid) end
    eventually(function() return #app:workers() == 2 and app:get("/readyz").status == 200 end)
    for _ = 1, 20 do assert.equal(2, stamp()) end
  end)

  it("asked many times at once answers everybody after the newest tree", function()
    start()
    reloads.stamp(dir, 2)
    local children = {}
    for i = 1, 6 do
      children[i] = process.start({ app.binary, "reload" },
        { env = app.env, cwd = app.dir, log = app.dir .. "/reload" .. i })
    end
    for _, child in ipairs(children) do
      local how, code = child:wait(30)
      assert.same({ "exit", 0 }, { how, code })
    end
    assert.equal(2, stamp())
    assert.equal(1, app:figure "medbookd_reloads_total")
  end)

  it("is taken back by a rollback, and that by another", function()
    start()
    local first = generation()
    local none = app:command "rollback"
    assert.equal(1, none.code)
    assert.matches("no earlier generation", none.err)
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    local r = app:command "rollback"
    assert.equal(0, r.code, r.err)
    assert.same({ 1, first }, { stamp(), generation() })
    assert.equal(0, app:command("rollback").code)
    assert.equal(2, stamp())
  end)

  it("goes back after every worker was replaced", function()
    start()
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    for _, pid in ipairs(app:workers()) do app:signal("KILL", pid) end
    eventually(function() return #app:workers() == 2 and app:get("/readyz").status == 200 end)
    assert.equal(0, app:command("rollback").code)
    assert.equal(1, stamp())
  end)

  it("survives a control connection that says nothing, nonsense or too much", function()
    start()
    local unix = require "socket.unix"
    local function say(text)
      local conn = assert(unix())
      conn:settimeout(10)
      assert(conn:connect(app.data_dir .. "/control.sock"))
      if text then assert(conn:send(text)) end
      return conn
    end
    local silent = say()
    assert.equal("failed", (say "format\n":receive "*l"))
    assert.is_nil((say(("x"):rep(100)):receive "*l"))
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    assert.equal(2, stamp())
    silent:close()
  end)
end)

describe("in development", function()
  it("a saved script is served, and a broken one is told at the terminal and changes nothing", function()
    local dir = home.with()
    reloads.stamp(dir, 1)
    local app = server.start { database = cluster.fresh(), env = { MEDBOOKD_HOME = dir, MEDBOOKD_DEV = "true" } }
    local function stamp() return app:get("/stamp").json.route end
    reloads.stamp(dir, 2)
    eventually(function() return stamp() == 2 end)
    local served = app:get("/stamp").headers["x-generation"]
    assert.equal(app:get("/readyz").json.generation, served)
    paths.write(dir .. "/lua/routes/broken.lua", "return {")
    app:await_log "medbookd: routes/broken.lua:1:1: "
    assert.equal(served, app:get("/stamp").headers["x-generation"])
    process.check { "mkdir", dir .. "/lua/routes.new" }
    os.remove(dir .. "/lua/routes/broken.lua")
    reloads.stamp(dir, 3)
    eventually(function() return stamp() == 3 end)
  end)

  it("only answers name their generation", function()
    local app = server.start { database = cluster.fresh() }
    assert.is_nil(app:get("/v1/providers").headers["x-generation"])
  end)
end)
