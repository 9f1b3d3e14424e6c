-- Ceilings and time-outs of the HTTP layer, with limits short enough to be reached.

local eventually = require "support.eventually"
local paths = require "support.paths"
local probes = require "tools.http_probe"

local function code_of(conn)
  local response = conn:read()
  if not response then return nil end
  return response.status, response.json and response.json.code, response.json and response.json.detail
end

describe("a client that is slow", function()
  local probe

  setup(function()
    probe = probes.start { head_timeout = 300, body_timeout = 300, body_min_rate = 1000, idle_timeout = 400,
                           request_timeout = 400, write_timeout = 400, max_output_bytes = 16384 }
  end)

  it("with its head is told so and loses its connection", function()
    local conn = probe:connect()
    conn:send "GET / HTTP/1.1\r\nHost:"
    local status, code, detail = code_of(conn)
    assert.same({ 408, "head_timeout" }, { status, code })
    assert.matches("http%.head_timeout", detail)
    assert.is_true(conn:is_closed())
  end)

  it("and sends a byte now and then is no better off", function()
    local conn = probe:connect()
    local sent = 0
    conn:settimeout(0.1)
    conn:send "GET / HTTP/1.1\r\nX: "
    eventually(function()
      sent = sent + 1
      return not conn:send "a" or conn:fill()
    end, { every = 0.05 })
    assert.matches("^HTTP/1.1 408 ", conn.buffer)
    assert.is_true(sent < 100)
    conn:close()
  end)

  it("with its body is told so", function()
    local conn = probe:connect()
    conn:send "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
    local status, code, detail = code_of(conn)
    assert.same({ 408, "body_timeout" }, { status, code })
    assert.matches("http%.body_timeout", detail)
    conn:close()
  end)

  it("and trickles its body is told the rate", function()
    local conn = probe:connect()
    conn:settimeout(0.1)
    conn:send "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n"
    eventually(function() return not conn:send "a" or conn:fill() end, { every = 0.05 })
    conn:settimeout(5)
    local status, code, detail = code_of(conn)
    assert.same({ 408, "body_too_slow" }, { status, code })
    assert.matches("http%.body_min_rate", detail)
    conn:close()
  end)

  it("to ask again is closed without a word", function()
    local conn = probe:connect()
    conn:request("GET", "/json")
    assert.is_true(conn:is_closed())
    conn:close()
  end)

  it("to read loses its connection", function()
    local before = probe:stats().aborts
    local conn = probe:connect()
    conn:send "GET /out?50000000 HTTP/1.1\r\nHost: x\r\n\r\n"
    probe:await("aborts", before + 1)
    conn:close()
  end)

  it("keeps nobody else waiting", function()
    local slow = {}
    for i = 1, 200 do
      slow[i] = probe:connect()
      slow[i]:send "GET / HTTP/1.1\r\nHost:"
    end
    for _ = 1, 20 do assert.equal(200, probe:request("GET", "/json").status) end
    for _, conn in ipairs(slow) do conn:close() end
  end)
end)

describe("a connection that has served", function()
  it("as many requests as one may is closed with the last answer, also of a stream", function()
    local probe = probes.start { max_connection_requests = 3 }
    for _, last in ipairs { "/json", "/out?10" } do
      local conn = probe:connect()
      for _ = 1, 2 do assert.is_nil(conn:request("GET", "/json").headers.connection) end
      assert.equal("close", conn:request("GET", last).headers.connection)
      assert.is_true(conn:is_closed())
      conn:close()
    end
  end)

  it("for as long as one may is closed with its next answer", function()
    local probe = probes.start { max_connection_age = 200 }
    local conn, answers = probe:connect(), 0
    eventually(function()
      answers = answers + 1
      return conn:request("GET", "/slow?50").headers.connection == "close"
    end, { every = 0 })
    assert.is_true(answers <= 5)
    assert.is_true(conn:is_closed())
    conn:close()
  end)
end)

describe("a client that is silent", function()
  -- The kernel's timer of a socket by its two ports: "00" none, "02" the next question whether it is there.
  local function timer(port, from)
    local line = paths.read("/proc/net/tcp"):match((":%04X %%x+:%04X 01 %%x+:%%x+ (%%x+):"):format(port, from))
    return line
  end

  it("is asked by the kernel whether it is there, if that is wanted", function()
    for after, wanted in pairs { [0] = "00", [60000] = "02" } do
      local probe = probes.start { tcp_keepalive = after }
      local conn = probe:connect()
      conn:request("GET", "/json")
      local _, from = conn.sock:getsockname()
      eventually(function() return timer(probe.port, tonumber(from)) == wanted end, { what = "timer " .. wanted })
      conn:close()
    end
  end)
end)

describe("a handler that does not answer", function()
  it("is aborted and the client gets 504", function()
    local probe = probes.start { request_timeout = 300 }
    local response = probe:request("GET", "/hang")
    assert.equal(504, response.status)
    assert.equal("request_timeout", response.json.code)
    assert.equal("1", response.headers["retry-after"])
    local stats = probe:stats()
    assert.equal(1, stats.aborts)
    assert.equal(stats.heads, stats.ends + 1)
  end)
end)

describe("connections over a ceiling", function()
  it("are told so and closed", function()
    local probe = probes.start { max_connections = 3 }
    local held = {}
    for i = 1, 3 do
      held[i] = probe:connect()
      held[i]:request("GET", "/json")
    end
    local conn = probe:connect()
    local response = conn:read()
    assert.equal(503, response.status)
    assert.equal("too_many_connections", response.json.code)
    assert.equal("1", response.headers["retry-after"])
    assert.is_true(conn:is_closed())
    held[1]:close()
    eventually(function() return probe:request("GET", "/json").status == 200 end)
    for i = 2, 3 do held[i]:close() end
  end)

  it("of one address are, of a trusted proxy are not", function()
    for trusted, status in pairs { ["10.0.0.1"] = 503, ["127.0.0.1"] = 200 } do
      local probe = probes.start { max_connections_per_address = 2, trusted = trusted }
      local one, two = probe:connect(), probe:connect()
      one:request("GET", "/json")
      two:request("GET", "/json")
      assert.equal(status, probe:request("GET", "/json").status)
      one:close()
      two:close()
    end
  end)
end)

describe("a process without file descriptors", function()
  it("pauses, does not spin, and goes on when there are some again", function()
    local probe = probes.start({}, { prefix = { "prlimit", "--nofile=32" } })
    local conns = {}
    for i = 1, 60 do conns[i] = probe:connect() end
    eventually(function() return probe:log():find("accepting pauses", 1, true) end)
    local function ticks()
      local user, system = paths.read(("/proc/%d/stat"):format(probe.process.pid))
        :match "%) %S %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ %S+ (%d+) (%d+)"
      return user + system
    end
    local before, last = ticks(), os.time()
    eventually(function() return os.time() >= last + 2 end, { every = 0.2 })
    assert.is_true(ticks() - before < 50, "a quarter of the time would be a spinning loop")
    for _, conn in ipairs(conns) do conn:close() end
    eventually(function() return probe:request("GET", "/json").status == 200 end)
  end)
end)

describe("idle connections", function()
  it("cost a kilobyte or two each", function()
    local count <const> = 2000
    local probe = probes.start {}
    local function resident()
      return tonumber(paths.read(("/proc/%d/status"):format(probe.process.pid)):match "VmRSS:%s+(%d+) kB")
    end
    local conns = {}
    probe:request("GET", "/json")
    local before = resident()
    for i = 1, count do
      conns[i] = probe:connect()
      conns[i]:request("GET", "/json")
    end
    local each = (resident() - before) * 1024 // count
    assert.is_true(each <= 8192, ("%d bytes each"):format(each))
    for _, conn in ipairs(conns) do conn:close() end
  end)
end)
