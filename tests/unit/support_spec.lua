-- The support library itself: what it starts it stops, what it reads it reads strictly.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local native = require "support.native"
local process = require "support.process"
local psql = require "support.psql"
local socket = require "socket"
local temp = require "support.temp"

describe("support.process", function()
  it("returns exit code and both outputs of a program", function()
    local result = process.run { "sh", "-c", "echo out; echo err >&2; exit 3" }
    assert.same({ code = 3, out = "out\n", err = "err\n", timed_out = false }, result)
  end)

  it("sets and removes variables of the environment", function()
    local script = 'printf "%s,%s" "$A" "${HOME-none}"'
    local result = process.run({ "sh", "-c", script }, { env = { A = "a b", HOME = false } })
    assert.equal("a b,none", result.out)
  end)

  it("feeds text to standard input", function()
    assert.equal("a\nb", process.run({ "cat" }, { input = "a\nb" }).out)
  end)

  it("refuses a program that is not there", function()
    assert.has_error(function() process.start { "/no/such/program" } end,
      "/no/such/program: No such file or directory")
  end)

  it("tells the signal that ended a child", function()
    local child = process.start { "sleep", "60" }
    child:signal "TERM"
    assert.same({ "signal", 15 }, { child:wait(10) })
  end)

  it("kills what does not end in time", function()
    assert.is_true(process.run({ "sleep", "60" }, { within = 0.1 }).timed_out)
  end)

  it("finds a descendant that left its group and its parent", function()
    local child = process.start { "sh", "-c", "setsid sleep 60 & wait" }
    local strays = process.strays()
    assert.is_truthy(strays[child.pid])
    local escaped = eventually(function()
      for pid, command in pairs(process.strays()) do
        if command:match "^sleep 60" then return pid end
      end
    end)
    child:kill()
    assert.matches("^sleep 60", process.strays()[escaped])
    native.kill(escaped, 9)
  end)
end)

describe("support.temp", function()
  it("makes folders that can be removed, and nothing else", function()
    local dir = temp.dir()
    assert.is_true(native.rmtree(dir))
    assert.is_nil(native.list(dir))
    assert.has_error(function() native.rmtree "/etc" end)
    assert.has_error(function() native.rmtree "/tmp/../etc" end)
  end)
end)

describe("support.eventually", function()
  it("returns what the condition returns", function()
    local calls = 0
    assert.equal("third", eventually(function()
      calls = calls + 1
      return calls == 3 and "third"
    end))
  end)

  it("gives up at once when it would wait in vain", function()
    local calls = 0
    assert.has_error(function()
      eventually(function() calls = calls + 1 end, { unless = function() return calls == 2 and "it has ended" end })
    end, "it has ended")
    assert.equal(2, calls)
  end)

  it("raises with the last error when the bound passes", function()
    local ok, err = pcall(eventually, function() error("not yet", 0) end, { within = 0.05, what = "the end" })
    assert.is_false(ok)
    assert.matches("waited 0.05 s for the end: not yet", err)
  end)
end)

describe("support.psql", function()
  it("reads fields with quotes, commas, line feeds and NULL", function()
    local rows = cluster.fresh("empty").query [[SELECT 1 AS a, NULL AS b, E'x,"y\n' AS c, '' AS d]]
    assert.same({ { a = "1", c = 'x,"y\n', d = "" } }, rows)
  end)

  it("tells SQLSTATE and message of a refused statement", function()
    assert.equal("22012: division by zero", psql.refusal(cluster.fresh("empty").url, "SELECT 1/0"))
  end)
end)

describe("support.cluster", function()
  it("gives every test a database of its own", function()
    local one, other = cluster.fresh "empty", cluster.fresh "empty"
    one.run "CREATE TABLE t (a int)"
    assert.same({}, other.query "SELECT FROM pg_tables WHERE tablename = 't'")
  end)

  it("keeps what was committed when it is killed", function()
    local own = cluster.start { tcp = true }
    psql.run(own:url "postgres", "CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
    own:kill()
    assert.is_false(psql.can_connect(own:url "postgres"))
    own:start()
    assert.equal("7", psql.value(own:url("postgres", { tcp = true }), "SELECT a FROM t"))
    own:stop()
  end)
end)

describe("support.http", function()
  -- What the client makes of these bytes.
  local function read(bytes, method)
    local listener = assert(socket.bind("127.0.0.1", native.free_port()))
    local _, port = listener:getsockname()
    local conn = assert(http.connect(port, { timeout = 5 }))
    local peer = listener:accept()
    peer:send(bytes)
    peer:close()
    listener:close()
    local ok, response, err = pcall(conn.read, conn, method)
    conn:close()
    if not ok then return nil, response end
    return response, err
  end

  it("reads a sized body and leaves the rest", function()
    local response = read "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP"
    assert.equal("ab", response.body)
  end)

  it("reads chunks", function()
    local response = read "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    assert.equal("abc", response.body)
    assert.equal(2, response.chunks)
  end)

  it("expects no body after HEAD", function()
    assert.equal("", read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD").body)
  end)

  it("says that the peer closed", function()
    assert.same({ nil, "closed" }, { read "" })
  end)

  for name, bytes in pairs {
    ["a body that ends early"] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
    ["a head that ends early"] = "HTTP/1.1 200 OK\r\nContent-",
    ["a malformed status line"] = "HTTP/2 200\r\n\r\n",
    ["a malformed header"] = "HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
    ["two framings"] = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    ["a chunk without its end"] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
  } do
    it("refuses " .. name, function() assert.is_nil((read(bytes))) end)
  end
end)
