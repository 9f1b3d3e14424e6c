-- What an operator relies on: an orderly stop, sockets handed in, the word to the service manager,
-- work that goes on while a worker hangs, settings that arrive, and figures that are true.
local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local http = require "support.http"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local socket = require "socket"
local temp = require "support.temp"
local unix = require "socket.unix"

local LOGIN <const> = cjson.encode { email = "naledi.mokoena@demo.example", password = "Sunbird-2026" }

-- A request whose last byte is missing: in flight until `finish`.
local function begin_login(app)
  local client = app:connect()
  local bytes = http.format("POST", "/v1/auth/login", { headers = { ["Content-Type"] = "application/json" },
                                                        body = LOGIN })
  assert(client:send(bytes:sub(1, -2)))
  return client, function() return client:send(bytes:sub(-1)) end
end

-- The request for the figure is in flight itself.
local function await_in_flight(app, n)
  eventually(function() return app:figure("medbookd_requests_in_flight") == n + 1 end, { what = "requests in flight" })
end

-- Only then is it certain that no request more comes to that worker: what it accepts in the same turn
-- of its loop has to wait until it is replaced.
local function await_hang(app) app:await_log "hang begins" end

describe("SIGTERM", function()
  local app, client, finish, scraper

  setup(function()
    app = server.start { database = cluster.fresh "demo", env = { MEDBOOKD_SHUTDOWN_TIMEOUT = "60s" } }
    client, finish = begin_login(app)
    await_in_flight(app, 1)
    scraper = assert(http.connect(app.admin_port))
    scraper:request("GET", "/metrics")
    app:signal "TERM"
  end)

  it("refuses new clients at once", function()
    eventually(function()
      local late, err = http.connect(app.port)
      if late then late:close() end
      return err == "connection refused"
    end)
    assert.is_true(app.process:is_running())
  end)

  it("turns /readyz red on the admin address, where /livez stays green", function()
    for _ = 1, 3 do
      local ready = app:admin "/readyz"
      assert.same({ 503, "stopping", "close" }, { ready.status, ready.json.code, ready.headers.connection })
      assert.equal(200, app:admin("/livez").status)
    end
  end)

  it("finishes the request in flight and says that it was the last", function()
    assert(finish())
    local response = client:read()
    assert.equal(200, response.status)
    assert.equal("close", response.headers.connection)
    assert.is_true(client:is_closed())
  end)

  it("ends with code 0, although somebody keeps a connection to the admin address open", function()
    local how, code = app.process:wait(30)
    assert.same({ "exit", 0 }, { how, code })
    assert.is_true(scraper:is_closed())
    assert.no.matches("Sanitizer", app:log())
  end)
end)

describe("while a worker hangs", function()
  it("its siblings serve every request, on old and on new connections", function()
    local app = server.start { database = cluster.fresh(), workers = 2,
                               env = { MEDBOOKD_HOME = home.with "lifecycle/hang.lua",
                                       MEDBOOKD_WORKER_SCRIPT_CPU = "0",
                                       MEDBOOKD_WORKER_HANG_TIMEOUT = "60s",
                                       MEDBOOKD_SHUTDOWN_TIMEOUT = "1s" } }
    -- It accepts connections before the pools of all workers have theirs.
    for i = 1, 2 do
      local connections <const> = ('medbookd_db_connections{worker="%d"}'):format(i)
      eventually(function() return app:figure(connections) > 0 end, { what = connections })
    end
    local hung = app:connect()
    hung:send "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n"
    await_hang(app)
    for _ = 1, 60 do local r = app:get("/readyz") assert.equal(200, r.status, r.body) end
    assert.equal(2, #app:workers())
    assert.is_nil(app:log():find("worker hangs", 1, true))
    hung:close()
    for _, pid in ipairs(app:workers()) do app:signal("KILL", pid) end -- the hung one is deaf to a stop
  end)
end)

-- A program that takes the place of medbookd and hands it what a service manager would.
local function wrapped(script)
  local file = temp.file("medbookd", ("#!/bin/bash\n%s\nexec '%s' \"$@\"\n"):format(script, paths.binary()))
  process.check { "chmod", "755", file }
  return file
end

-- Hands in these sockets, or files by their paths, in this order and under these names.
local function handing_in(sockets, names)
  local lines = {}
  for i, each in ipairs(sockets) do
    lines[i] = ("exec %d<%s"):format(200 + i, type(each) == "string" and each or ("&%d"):format(each:getfd()))
  end
  for i in ipairs(sockets) do lines[#lines + 1] = ("exec %d<&%d %d<&-"):format(2 + i, 200 + i, 200 + i) end
  lines[#lines + 1] = ("export LISTEN_PID=$$ LISTEN_FDS=%d LISTEN_FDNAMES=%s"):format(#sockets, names)
  return wrapped(table.concat(lines, "\n"))
end

local function listening(listener, host)
  assert(listener:bind(host, host and not host:find "/" and native.free_port() or nil))
  assert(listener:listen(64))
  local _, port = listener:getsockname()
  return listener, tonumber(port)
end

local function status_by(client)
  client:settimeout(20)
  assert(client:send(http.format("GET", "/v1/providers")))
  return client:receive("*l")
end

describe("a service manager", function()
  it("hands in sockets of every kind, which each worker serves and which outlive the server", function()
    local path = temp.dir() .. "/socket"
    local four, port = listening(socket.tcp4(), "127.0.0.1")
    local six, port6 = listening(socket.tcp6(), "::1")
    local admin, admin_port = listening(socket.tcp4(), "127.0.0.1")
    local here = listening(unix.stream(), path)
    local app = server.start {
      database = cluster.fresh(), port = port, admin_port = admin_port, workers = 1,
      binary = handing_in({ four, admin, six, here }, "http:admin:http6:unknown"),
      env = { MEDBOOKD_HOME = paths.root, MEDBOOKD_LISTEN = "127.0.0.1:1", MEDBOOKD_ADMIN_LISTEN = "127.0.0.1:2" },
    }
    assert.equal(200, app:get("/v1/providers").status)
    assert.equal(404, app:get("/metrics").status)
    assert.equal(200, app:admin("/metrics").status)
    local by_six, by_path = socket.tcp6(), unix.stream()
    assert(by_six:connect("::1", port6))
    assert(by_path:connect(path))
    for _, client in ipairs { by_six, by_path } do assert.equal("HTTP/1.1 200 OK", status_by(client)) end
    assert.equal(1, #app:workers())
    local told = "1 worker, database by URL; http://127.0.0.1:%d, http://[::1]:%d, unix:%s, admin http://127.0.0.1:%d"
    app:await_log(told:format(port, port6, path, admin_port))
    assert.same({ "exit", 0 }, { app:stop() })
    local later = assert(http.connect(port))
    later:close()
    for _, each in ipairs { four, six, admin, here, by_six, by_path } do each:close() end
  end)

  it("is told by name what it hands in that cannot be served", function()
    local path = temp.dir() .. "/socket"
    local here, dgram = listening(unix.stream(), path), unix.dgram()
    assert(dgram:bind(path .. ".dgram"))
    local connection = unix.stream()
    assert(connection:connect(path))
    for _, case in ipairs {
      { "descriptor 4 (dns) is a datagram socket; use ListenStream=", "http:dns", here, dgram },
      { "descriptor 3 (http) is a connection, not a listening socket; set Accept=no", "http", connection },
      { "descriptor 4 (admin) is the second one named admin", "admin:admin", here, here },
      { "descriptor 3 (unknown) is no socket", "unknown", "/dev/null" },
    } do
      local app = server.start {
        wait = false, database = "postgresql:///never_asked", binary = handing_in({ table.unpack(case, 3) }, case[2]),
        env = { MEDBOOKD_HOME = paths.root },
      }
      assert.same({ "exit", 1 }, { app.process:wait(30) })
      assert.truthy(app:log():find("LISTEN_FDS: " .. case[1], 1, true), app:log())
    end
    for _, each in ipairs { here, dgram, connection } do each:close() end
  end)

  it("is told when the server is ready, and when it stops", function()
    local file = temp.dir() .. "/notify"
    local manager = assert(unix.dgram())
    assert(manager:bind(file))
    manager:settimeout(30)
    local app = server.start { database = cluster.fresh(), env = { NOTIFY_SOCKET = file } }
    assert.equal("READY=1", manager:receive())
    assert.same({ "exit", 0 }, { app:stop() })
    assert.equal("STOPPING=1", manager:receive())
    manager:close()
  end)
end)

describe("settings by environment", function()
  local ORIGIN <const> = "https://clinic.example"
  local app

  setup(function()
    app = server.start {
      database = cluster.fresh "demo", workers = 1,
      env = {
        MEDBOOKD_HTTP_CORS_ORIGINS = ORIGIN, MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1",
        MEDBOOKD_HTTP_GZIP_MIN_BYTES = "1B", MEDBOOKD_HTTP_MAX_HEADER_BYTES = "2KB",
        MEDBOOKD_HTTP_MAX_HEADER_LINE = "512B",
        MEDBOOKD_HTTP_MAX_CONNECTION_REQUESTS = "2", MEDBOOKD_HTTP_CORS_MAX_AGE = "30s",
        MEDBOOKD_HTTP_GZIP_LEVEL = "9", MEDBOOKD_HTTP_MAX_CHUNK_EXTENSIONS = "10B",
        MEDBOOKD_HTTP_GZIP_TYPES = "application/json",
        MEDBOOKD_HTTP_MAX_HEADERS = "8", MEDBOOKD_HTTP_MAX_TARGET = "256B", MEDBOOKD_DEV = "true",
      },
    }
  end)

  it("http.cors_origins: lets that origin read and no other", function()
    local function allowed(origin)
      return app:get("/v1/providers", { headers = { Origin = origin } }).headers["access-control-allow-origin"]
    end
    assert.equal(ORIGIN, allowed(ORIGIN))
    assert.is_nil(allowed "https://other.example")
  end)

  it("http.trusted_proxies: logs the client that the proxy names", function()
    app:get("/v1/providers?limit=1", { headers = { ["X-Forwarded-For"] = "203.0.113.9" } })
    app:await_line(function(line) return line.client == "203.0.113.9" and line.route == "/v1/providers" end)
  end)

  it("http.gzip_min_bytes: compresses what is longer", function()
    local response = app:get("/v1/providers", { headers = { ["Accept-Encoding"] = "gzip" } })
    assert.equal("gzip", response.headers["content-encoding"])
    assert.equal(2, response.body:byte(9)) -- http.gzip_level: 2 stands for the smallest result (RFC 1952)
  end)

  it("http.gzip_types: compresses nothing else", function()
    local response = app:get("/no-such", { headers = { ["Accept-Encoding"] = "gzip" } })
    assert.same({ 404, "application/problem+json" }, { response.status, response.headers["content-type"] })
    assert.is_nil(response.headers["content-encoding"])
  end)

  it("http.max_connection_requests: closes a connection with its last answer", function()
    local client = app:connect()
    assert.is_nil(client:request("GET", "/livez").headers.connection)
    assert.equal("close", client:request("GET", "/livez").headers.connection)
    client:close()
  end)

  it("http.cors_max_age: is told to browsers", function()
    local headers = { Origin = ORIGIN, ["Access-Control-Request-Method"] = "POST" }
    local response = app:request("OPTIONS", "/v1/bookings", { headers = headers })
    assert.equal("30", response.headers["access-control-max-age"])
  end)

  it("http.max_chunk_extensions: refuses more and names the key", function()
    local client = app:connect()
    client:send("POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      .. "Transfer-Encoding: chunked\r\n\r\n2;" .. ("a"):rep(40) .. "\r\n{}\r\n0\r\n\r\n")
    local response = client:read()
    assert.equal(413, response.status)
    assert.matches("%(http.max_chunk_extensions%)", response.json.detail)
    client:close()
  end)

  it("dev: says how long it took", function()
    assert.matches("^total;dur=%d", app:get("/v1/providers").headers["server-timing"])
  end)

  local nine = {}
  for i = 1, 9 do nine[i] = { "X-" .. i, "1" } end
  local long = {}
  for i = 1, 5 do long[i] = { "X-" .. i, ("a"):rep(500) } end
  for key, case in pairs {
    max_header_line = { 431, { headers = { { "X-Long", ("a"):rep(600) } } } },
    max_header_bytes = { 431, { headers = long } },
    max_headers = { 431, { headers = nine } },
    max_target = { 414, { target = "/" .. ("a"):rep(300) } },
  } do
    it("http." .. key .. ": refuses more and names the key", function()
      local response = app:get(case[2].target or "/v1/providers", case[2])
      assert.equal(case[1], response.status)
      assert.truthy(response.body:find("http." .. key, 1, true), response.body)
    end)
  end

  it("worker.restart_pause_max: no worker waits longer to be started again", function()
    local other = server.start { database = cluster.fresh(), workers = 1,
                                 env = { MEDBOOKD_WORKER_RESTART_PAUSE_MAX = "100ms" } }
    local killed, pauses = {}, {}
    eventually(function()
      local pid = other:workers()[1]
      if pid and not killed[pid] then
        killed[pid] = true
        other:signal("KILL", pid)
      end
      pauses = {}
      for pause in other:log():gmatch "next start in (%d+) ms" do pauses[#pauses + 1] = tonumber(pause) end
      return #pauses >= 5
    end, { every = 0.02 })
    for _, pause in ipairs(pauses) do assert.is_true(pause <= 100, table.concat(pauses, " ")) end
    assert.equal(100, math.max(table.unpack(pauses)))
    other:stop()
  end)

  -- A client that was told 413 and may write on.
  local function refused_early(of, length)
    local client = of:connect()
    client:send("POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
      .. length .. "\r\n\r\n")
    return client
  end

  describe("of connections", function()
    local other

    setup(function()
      other = server.start { database = cluster.fresh(), workers = 1, env = {
        MEDBOOKD_HTTP_BACKLOG = "2", MEDBOOKD_HTTP_TCP_KEEPALIVE = "1min", MEDBOOKD_HTTP_LINGER_BYTES = "100KB",
        MEDBOOKD_HTTP_LINGER_TIMEOUT = "1h" } }
    end)

    -- The kernel's timer of the server's socket: "02" is the next question whether the client is there.
    it("http.tcp_keepalive: the kernel asks whether a client is there", function()
      local client <close> = setmetatable({}, { __close = function(it) it.conn:close() end })
      client.conn = other:connect()
      client.conn:request("GET", "/livez")
      local _, from = client.conn.sock:getsockname()
      local line <const> = (":%04X %%x+:%04X 01 %%x+:%%x+ 02:"):format(other.port, tonumber(from))
      eventually(function() return paths.read("/proc/net/tcp"):find(line) end)
    end)

    it("http.linger_bytes: no more are read of who was answered", function()
      local size <const> = 16 * 1024 * 1024 -- more than sockets hold, less than the default
      local client = refused_early(other, size)
      assert.is_nil(client:send(("b"):rep(size)))
      client:close()
    end)

    it("http.backlog: no more wait to be accepted", function()
      local worker, waiting = other:workers()[1], {}
      other:signal("STOP", worker)
      repeat
        local client = http.connect(other.port, { timeout = 0.3 })
        waiting[#waiting + 1] = client
      until not client or #waiting == 10
      other:signal("CONT", worker)
      for _, client in ipairs(waiting) do client:close() end
      assert.equal(3, #waiting) -- the kernel takes one more than is said
    end)
  end)

  it("http.max_connection_age and http.linger_timeout: end a connection that is old, and one of who was answered",
    function()
      local other = server.start { database = cluster.fresh(), workers = 1, env = {
        MEDBOOKD_HTTP_MAX_CONNECTION_AGE = "200ms", MEDBOOKD_HTTP_LINGER_TIMEOUT = "100ms" } }
      local client = other:connect()
      eventually(function() return client:request("GET", "/livez").headers.connection == "close" end)
      client:close()
      client = refused_early(other, 1000000000)
      assert.equal(413, client:read().status)
      eventually(function() return not client:send "b" end, { within = 3 }) -- the default is longer
      client:close()
      other:stop()
    end)

  it("http.max_connections_per_address and log.access: one more is refused, nothing is logged", function()
    local other = server.start { database = cluster.fresh(), workers = 1,
                                 env = { MEDBOOKD_HTTP_MAX_CONNECTIONS_PER_ADDRESS = "2",
                                         MEDBOOKD_LOG_ACCESS = "false" } }
    local kept = {}
    eventually(function()
      kept[1] = other:connect()
      return kept[1]:request("GET", "/readyz").status == 200
    end)
    kept[2] = other:connect()
    assert.equal(200, kept[2]:request("GET", "/readyz").status)
    local third = other:connect():read()
    assert.same({ 503, "too_many_connections" }, { third.status, third.json.code })
    for _, client in ipairs(kept) do client:close() end
    other:stop()
    assert.same({}, other:log_lines(function(line) return line.status ~= nil end))
  end)

  it("http.max_connections_per_address: is one ceiling of all workers, and a killed one gives back", function()
    local other = server.start { database = cluster.fresh(), workers = 2,
                                 env = { MEDBOOKD_HTTP_MAX_CONNECTIONS_PER_ADDRESS = "2" } }
    local kept = {}
    local function fill()
      for _, client in ipairs(kept) do client:close() end
      for i = 1, 2 do
        kept[i] = other:connect()
        if kept[i]:request("GET", "/livez").status ~= 200 then return false end
      end
      return true
    end
    for _ = 1, 2 do
      eventually(fill)
      for _ = 1, 20 do
        local more = other:connect()
        assert.equal(503, more:read().status)
        more:close()
      end
      for _, pid in ipairs(other:workers()) do other:signal("KILL", pid) end
      other:await_ready()
    end
    for _, client in ipairs(kept) do client:close() end
  end)
end)

describe("the admin address", function()
  local app

  setup(function()
    app = server.start { database = cluster.fresh "demo",
                         env = { MEDBOOKD_ADMIN_HOSTS = "Desk.internal., b" } }
  end)

  -- Every route that there is, as the answer to an unknown path lists them; and that path itself.
  local function each_route(visit)
    local count = 0
    for method, path in app:admin("/none").json.detail:gmatch "(%u+) (/[%w/{}]+)" do
      visit(method, (path:gsub("{name}", "test.none")))
      count = count + 1
    end
    assert.is_true(count >= 7)
    visit("GET", "/none")
  end

  local function ask(method, path, host, headers)
    return app:request(method, path, { port = app.admin_port, host = host, headers = headers })
  end

  it("is not to be reached from a web page, whichever route it asks for", function()
    local from_pages = {
      [{ 421, "unknown_host" }] = {
        { "rebound.example" }, { "rebound.example:8081" }, { "localhost.rebound.example" }, { "xlocalhost" },
        { "127.0.0.1.rebound.example" }, { "2130706433" }, { "desk.internal.example" }, { "esk.internal" },
      },
      [{ 403, "cross_site" }] = {
        { nil, { Origin = "http://elsewhere.example" } }, { nil, { Origin = "null" } },
        { nil, { Origin = "http://localhost:8081" } }, { nil, { ["Sec-Fetch-Site"] = "cross-site" } },
        { nil, { ["sec-fetch-site"] = "same-site" } },
        { nil, { { "Sec-Fetch-Site", "none" }, { "Sec-Fetch-Site", "cross-site" } } },
      },
    }
    each_route(function(method, path)
      for expected, pages in pairs(from_pages) do
        for _, page in ipairs(pages) do
          local r = ask(method, path, page[1], page[2])
          assert.same(expected, { r.status, r.json.code }, method .. " " .. path)
        end
      end
    end)
    assert.equal(0, app:figure("medbookd_reloads_total"))
  end)

  it("is called by loopback names, addresses and those of admin_hosts", function()
    for _, host in ipairs { "localhost", "LOCALHOST:8081", "a.localhost.", "127.0.0.1", "10.1.2.3:80", "[::1]:8081",
                            "[2001:db8::1]", "desk.internal", "DESK.internal:99", "b" } do
      assert.equal(200, ask("GET", "/livez", host).status, host)
    end
    assert.equal(200, ask("GET", "/metrics", nil, { ["Sec-Fetch-Site"] = "none" }).status) -- typed by a person
    local old <close> = setmetatable({}, { __close = function(it) it.conn:close() end })
    old.conn = assert(http.connect(app.admin_port))
    old.conn:send "GET /livez HTTP/1.0\r\n\r\n"
    assert.equal(200, old.conn:read().status)
  end)

  it("names the methods that a path has", function()
    each_route(function(method, path)
      if path == "/none" then return end
      local r = ask("DELETE", path)
      local methods = method == "GET" and "GET, HEAD" or method
      assert.same({ 405, "method_not_allowed", methods }, { r.status, r.json.code, r.headers.allow })
    end)
    assert.equal(200, ask("HEAD", "/metrics").status)
  end)

  it("answers /livez and /readyz, and nothing of the API", function()
    assert.equal(200, app:admin("/livez").status)
    assert.equal(200, app:admin("/readyz").status)
    assert.equal(404, app:admin("/v1/providers").status)
    assert.equal(404, app:get("/metrics").status)
  end)

  local function by_class(class) return app:figure(('medbookd_requests_total{class="%s"}'):format(class)) end

  it("counts requests by the class of their status, and the queries they took", function()
    local good, bad, queries = by_class "2xx", by_class "4xx", app:figure("medbookd_db_queries_total")
    for _ = 1, 5 do assert.equal(200, app:get("/v1/providers").status) end
    for _ = 1, 3 do assert.equal(404, app:get("/no-such").status) end
    assert.equal(bad + 3, by_class "4xx")
    assert.is_true(by_class "2xx" >= good + 5) -- looking at the figures counts too
    assert.is_true(app:figure("medbookd_db_queries_total") >= queries + 5)
  end)

  it("puts every request into one box of the histogram", function()
    local text = app:admin("/metrics").body
    local count = tonumber(text:match "medbookd_request_duration_seconds_count (%d+)")
    local total, last = 0, 0
    for n in text:gmatch 'medbookd_requests_total{class="%dxx"} (%d+)' do total = total + tonumber(n) end
    for n in text:gmatch 'medbookd_request_duration_seconds_bucket{le="[^"]+"} (%d+)' do
      assert.is_true(tonumber(n) >= last)
      last = tonumber(n)
    end
    assert.equal(total, count)
    assert.equal(last, count)
  end)

  it("counts workers that hung and were replaced", function()
    local other = server.start { database = cluster.fresh(),
                                 env = { MEDBOOKD_HOME = home.with "lifecycle/hang.lua",
                                         MEDBOOKD_WORKER_SCRIPT_CPU = "0", MEDBOOKD_WORKER_HANG_TIMEOUT = "1s" } }
    local client = other:connect()
    client:send "GET /hang HTTP/1.1\r\nHost: h\r\n\r\n"
    await_hang(other)
    -- More than one where a busy machine lets a worker wait that long.
    eventually(function() return other:figure("medbookd_worker_hangs_total") >= 1 end, { within = 30 })
    eventually(function() return other:figure("medbookd_worker_restarts_total") >= 1 end, { within = 30 })
    client:close()
    other:stop()
  end)
end)

describe("a path of the API", function()
  local app

  setup(function() app = server.start { database = cluster.fresh() } end)

  it("refuses methods that it does not know, and names those that it does", function()
    for path, methods in pairs { ["/v1/slots"] = "GET, HEAD", ["/v1/bookings"] = "POST" } do
      for _, method in ipairs { "DELETE", "PUT", "PATCH" } do
        local response = app:request(method, path)
        assert.same({ 405, "method_not_allowed", methods },
          { response.status, response.json.code, response.headers.allow })
      end
      local asked = app:request("OPTIONS", path)
      assert.same({ 204, methods }, { asked.status, asked.headers.allow })
    end
  end)
end)

describe("medbookd migrate status", function()
  it("shows for every migration how long it took and how long it waited for locks", function()
    local result = process.check({ paths.binary(), "migrate", "status" }, {
      env = { MEDBOOKD_BIN = false, MEDBOOKD_HOME = paths.root, MEDBOOKD_DATABASE_URL = cluster.fresh().url,
              MEDBOOKD_DATA_DIR = temp.dir() } })
    local head, count = result.out:match "^([^\n]+)", 0
    assert.matches("duration +lock wait$", head)
    for name, line in result.out:gmatch "\n(%d%d%d%d_[%w_]+)([^\n]+)" do
      assert.matches(" applied +%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d +%d+ ms +%d+ ms$", line, name)
      count = count + 1
    end
    assert.is_true(count > 0)
  end)
end)
