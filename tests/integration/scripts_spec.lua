-- What happens when scripts err: a clean answer, a trace in the log, nothing leaked, the server
-- unharmed. The routes under test are tests/fixtures/scripts/probe.lua.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local paths = require "support.paths"
local socket = require "socket"
local server = require "support.server"

local function make_home() return home.with "scripts/probe.lua" end

local TABLES <const> = [[
  CREATE TABLE probe (id text PRIMARY KEY);
  CREATE TABLE probe_deferred (id text UNIQUE DEFERRABLE INITIALLY DEFERRED);
  GRANT ALL ON probe, probe_deferred TO PUBLIC]]

describe("scripts", function()
  local app, database

  setup(function()
    database = cluster.fresh()
    database.run(TABLES)
    app = server.start {
      database = database, workers = 1,
      env = {
        MEDBOOKD_HOME = make_home(), MEDBOOKD_WORKER_SCRIPT_MEMORY = "32MB", MEDBOOKD_DATABASE_POOL_MAX = "2",
        MEDBOOKD_WORKER_SCRIPT_CPU = "10s",
        MEDBOOKD_DATABASE_STATEMENT_TIMEOUT = "2s",
      },
    }
  end)

  local function answers(path, status, code)
    local r = app:get("/probe/" .. path)
    assert.equal(status, r.status, r.body)
    if code then
      assert.equal("application/problem+json", r.headers["content-type"])
      assert.equal(code, r.json.code)
    end
    return r
  end

  local function is_unharmed()
    assert.equal("hello", answers("hello", 200).json.message)
    assert.equal(1, answers("both", 200).json.a)
  end

  local function sessions(where)
    return tonumber(database.query("SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() "
      .. "AND application_name = 'medbookd' AND " .. where)[1].n)
  end

  after_each(function()
    is_unharmed()
    eventually(function() return sessions "state LIKE 'idle in transaction%'" == 0 end,
      { what = "no session idle in a transaction" })
  end)

  it("answers a table as JSON, nothing as 204, and a status with headers", function()
    assert.equal("application/json", answers("hello", 200).headers["content-type"])
    answers("none", 204)
    assert.equal("yes", answers("created", 201).headers["x-probe"])
  end)

  it("refuses a reply to a call of a plugin that is none", function() answers("forged-call", 200) end)

  it("answers a raised error with the request id only, and logs file, line and trace", function()
    local r = answers("raise", 500, "internal_error")
    assert.is_nil(r.body:find("the probe raised", 1, true))
    assert.equal(r.headers["x-request-id"], r.json.requestId)
    eventually(function()
      local log = app:log()
      return log:find("routes/probe.lua:%d+: the probe raised this") and log:find(r.json.requestId, 1, true)
        and log:find("stack traceback", 1, true)
    end)
  end)

  for path, why in pairs {
    ["raise-table"] = "an error object whose __tostring never ends", yield = "a bare coroutine.yield",
    ["function"] = "a function as the body", status = "an impossible status", circle = "a circular table",
    nan = "a NaN", global = "an assignment to a global",
    undefined = "an undefined global", ["inner-wait"] = "a wait inside a coroutine of the script",
    ["missing-column"] = "a column that is not there", four = "four results", ["nil-and-why"] = "nil and a reason",
    ["text-body"] = "a text as the body", ["float-status"] = "a status with a fraction",
    ["huge-status"] = "a status beyond 32 bits", ["number-header"] = "a header that is a number",
    ["text-headers"] = "headers that are a text", ["many-headers"] = "more headers than an answer takes",
    ["nul-parameter"] = "a parameter with a NUL byte", ["odd-parameter"] = "an undefined name as a parameter",
    ["function-parameter"] = "a function as a parameter", ["named-array"] = "a table by name as an array",
    ["odd-all"] = "a wrong parameter beside a statement in flight",
    statement = "a statement made by a request",
    ["read-nothing"] = "req:read where no stream comes in",
    ["close-queries"] = "an error while something waits to be closed",
    ["listed-members"] = "a problem whose members have no names",
    ["problem-headers"] = "a problem whose headers are none",
    ["tx-in-tx"] = "a transaction inside a transaction", ["query-in-tx"] = "db.query inside a transaction",
  } do
    it("answers 500 to " .. why, function() answers(path, 500, "internal_error") end)
  end

  it("leaves out a detail that is not UTF-8", function()
    assert.equal("", answers("problem-nul", 409, "probe_nul").json.detail)
  end)

  it("finds a request's header by its name in any case", function()
    local r = app:get("/probe/header-case", { headers = { ["X-Probe"] = "here" } })
    assert.equal("here", r.json.value)
  end)

  it("hands several lines of a header over as one list", function()
    local r = app:get("/probe/header-case", { headers = { { "X-Probe", "a" }, { "x-probe", "b, c" } } })
    assert.equal("a, b, c", r.json.value)
  end)

  it("finds the token of a request however its scheme is written and set apart", function()
    for value, token in pairs { ["Bearer a.b"] = "a.b", ["bEARER   a.b"] = "a.b", ["Basic a.b"] = "none",
                                Bearer = "none", ["Bearera.b"] = "none" } do
      local r = app:get("/probe/header-case", { headers = { Authorization = value } })
      assert.equal(token, r.json.token or "none", value)
    end
  end)

  it("tells which of some media types the client prefers", function()
    for accept, wanted in pairs {
      ["text/html,application/xhtml+xml,*/*;q=0.8"] = "text/html", ["*/*"] = "application/json",
      ["text/*;q=0.3, */*;q=0.2"] = "text/html", ["TEXT/HTML ;level=1;q=0.5, application/json;q=0.4"] = "text/html",
      ["text/html;q=0, */*;q=0.1"] = "application/json", ["text/html;q=0.5, application/*;q=0.6"] = "application/json",
      ["application/json;a=\", text/html\""] = "application/json", ["image/png"] = "none", ["text/html;q=0"] = "none",
    } do
      local r = app:get("/probe/header-case", { headers = { Accept = accept } })
      assert.equal(wanted, r.json.wants or "none", accept)
    end
    assert.equal("application/json", app:get("/probe/header-case").json.wants)
    local lines = { { "Accept", "application/json;q=0.1" }, { "Accept", "text/html" } }
    assert.equal("text/html", app:get("/probe/header-case", { headers = lines }).json.wants)
  end)

  it("writes no result at all as an empty list, and a row without columns as an object", function()
    local body = answers("empty-rows", 200).body
    assert.is_truthy(body:find('"rows":[]', 1, true) and body:find('"row":{}', 1, true), body)
  end)

  it("hands floats to PostgreSQL with every digit", function() assert.is_true(answers("float", 200).json.same) end)

  it("writes log pairs that nobody can forge, and cuts what is too long", function()
    answers("log", 200)
    eventually(function()
      local log = app:log()
      return log:find('msg="the message"', 1, true) and log:find('a_key_with_odd_parts="v v"', 1, true)
        and log:find("n=1.5", 1, true) and log:find("t=table", 1, true) and log:find("log line was too long", 1, true)
    end)
    assert.is_nil(app:log():find("\nwith=odd", 1, true))
  end)

  it("sends no header with a line break or a NUL byte", function()
    local r = answers("bad-header", 500, "bad_reply_header")
    assert.is_nil(r.headers["set-cookie"])
    answers("nul-header", 500, "bad_reply_header")
  end)

  it("answers raised and returned problems as they are", function()
    assert.equal("raised", answers("raise-problem", 409, "probe_conflict").json.detail)
    assert.equal("7", answers("return-problem", 429, "probe_busy").headers["retry-after"])
  end)

  it("writes further members of a problem beside the standard ones", function()
    local r = answers("problem-members", 409, "probe_members")
    assert.same({ "A", { 1 }, { { pointer = "/a" } }, "d" },
      { r.json.state, r.json.list, r.json.errors, r.json.detail })
    assert.equal("d", answers("no-members", 409, "probe_members").json.detail)
  end)

  it("survives endless recursion that catches its own errors", function()
    assert.is_boolean(answers("pcall-recursion", 200).json.ok)
  end)

  it("lets scripts use coroutines of their own", function() assert.equal(6, answers("inner-yield", 200).json.sum) end)

  it("refuses a request and rows that a script kept beyond their end", function()
    answers("keep", 200)
    answers("use-kept-request", 500)
    answers("keep", 200)
    answers("use-kept-params", 500)
    answers("keep", 200)
    answers("use-kept-rows", 500)
    app:await_log "this request is over"
  end)

  it("survives a script that eats all memory", function()
    local r = app:get("/probe/memory", { timeout = 60 })
    assert.equal(503, r.status)
    assert.equal("out_of_memory", r.json.code)
    assert.is_truthy(r.headers["retry-after"])
  end)

  it("answers 503 to endless recursion, whose stack outgrows the memory of the scripts", function()
    answers("recursion", 503, "out_of_memory")
  end)

  it("catches other errors as Lua does", function()
    assert.same({ false, "a", "bb", 1, true, 1, "3", "cannot resume dead coroutine", 3 },
      answers("catch", 200).json.list)
  end)

  it("refuses to resume the coroutine of a request", function()
    assert.matches("coroutine of a request", answers("resume-request", 200).body)
  end)

  it("has no way to files, processes, bytecode or the debugger", function()
    for name, found in pairs(answers("sandbox", 200).json) do
      assert.is_false(found, name)
    end
    assert.is_false(answers("require", 200).json.io)
  end)

  it("writes each column type as documented", function()
    local body = answers("types", 200).body
    for _, part in ipairs {
      '"bool":true', '"int":7', '"big":9007199254740993', '"money":"12.50"', '"float":1.5', '"text":"a\\"b"',
      '"nothing":null', '"list":["x","y z",null]', '"json":{"k": [1]}', '"instant":"2026-11-22T08:00:00.120Z"',
    } do
      assert.is_truthy(body:find(part, 1, true), part .. " in " .. body)
    end
  end)

  it("streams an answer longer than any buffer", function()
    local r = app:get "/probe/stream"
    assert.equal("chunked", r.headers["transfer-encoding"])
    local lines = select(2, r.body:gsub("\n", ""))
    assert.equal(20000, lines)
  end)

  for path, why in pairs {
    ["stream-breaks"] = "breaks in the middle", ["begin-problem"] = "ends with a problem",
    ["begin-twice"] = "is begun twice",
  } do
    it("cuts the connection when a stream " .. why, function()
      local c = app:connect()
      c:send("GET /probe/" .. path .. " HTTP/1.1\r\nHost: a\r\n\r\n")
      local bytes = c:rest()
      assert.is_truthy(bytes:find("^HTTP/1.1 200 "))
      assert.is_nil(bytes:find("\r\n0\r\n\r\n", 1, true))
    end)
  end

  it("ends a stream without end when its reader leaves", function()
    for _ = 1, 3 do
      local c = app:connect()
      c:send "GET /probe/write-for-ever HTTP/1.1\r\nHost: a\r\n\r\n"
      assert(c:fill())
      assert.is_truthy(c.buffer:find("^HTTP/1.1 200 "))
      c:reset()
    end
    eventually(function()
      return app:admin("/metrics").body:find('medbookd_requests_in_flight{worker="1"} 1\n', 1, true) ~= nil
    end, { what = "only the request for the metrics is in flight" })
  end)

  it("answers without having read a streamed body", function()
    local r = app:request("POST", "/probe/upload-unread", { body = ("x"):rep(100000) })
    assert.equal(200, r.status)
  end)

  it("is sent no body by who waits to be asked for it, unless it reads it", function()
    for path, body in pairs { ["upload-unread"] = false, upload = "hello" } do
      local c = app:connect()
      c:send("POST /probe/" .. path .. " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
      if body then
        assert.equal(100, c:read().status)
        c:send(body)
      end
      assert.equal(200, c:read().status)
      c:close()
    end
  end)

  it("has a ceiling of its own for a streamed body, whatever http.max_body says", function()
    for _, framing in ipairs { "Content-Length: 1025", "Transfer-Encoding: chunked" } do
      local c = app:connect()
      c:send("POST /probe/upload-late HTTP/1.1\r\nHost: a\r\n" .. framing .. "\r\n\r\n")
      if framing:find "chunked" then c:send "401\r\n" end
      local r = c:read()
      assert.same({ 413, "body_too_large" }, { r.status, r.json.code })
      assert.is_truthy(r.json.detail:find("over 1024 bytes (the limit of this route", 1, true), r.json.detail)
      c:close()
    end
  end)

  it("reads a body in pieces that is larger than the scripts' share of memory", function()
    local r = app:request("POST", "/probe/upload", { body = ("x"):rep(6 * 1024 * 1024) })
    assert.equal(200, r.status, r.body)
    assert.same({ bytes = 6 * 1024 * 1024, several = true }, r.json)
  end)

  it("takes bytes as they are, and rows back before a request ends", function()
    assert.is_true(answers("bytes", 200).json.same)
    assert.same({ one = false, again = 1 }, answers("closed-rows", 200).json)
  end)

  it("runs statements together and keeps an empty array an array", function()
    local r = answers("both", 200)
    assert.is_truthy(r.body:find('"empty":[]', 1, true))
    assert.equal('a"b', r.json.b)
  end)

  it("turns SQL errors into problems that scripts can catch, and hides them from clients", function()
    local r = answers("sql-error", 500, "database_error")
    assert.is_nil(r.body:find("division", 1, true))
    local caught = answers("caught", 200).json
    assert.same({ ok = false, code = "database_error", sqlstate = "22012", after = 1 }, caught)
  end)

  it("cancels a statement at its time-out and answers 504", function()
    local r = app:get("/probe/sleep", { timeout = 20 })
    assert.equal(504, r.status)
    assert.equal("database_timeout", r.json.code)
    eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 0 end)
  end)

  it("cancels the statement of a client that leaves", function()
    local c = app:connect()
    c:send "GET /probe/sleep HTTP/1.1\r\nHost: a\r\n\r\n"
    eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 1 end)
    c:reset()
    eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 0 end, { within = 1.5 })
  end)

  it("commits a transaction that returns and rolls back one that fails in any way", function()
    assert.equal("committed", answers("tx-commit", 200).json.id)
    answers("tx-error", 500, "internal_error")
    answers("tx-sql-error", 500, "database_error")
    answers("tx-late", 500, "internal_error")
    answers("tx-swallowed", 500, "database_error")
    answers("tx-commit-fails", 409, "constraint_violation")
    assert.equal(1, answers("count", 200).json.n)
  end)

  it("gives a connection back at once when a commit is refused", function()
    assert.same({ codes = { "database_error", "database_error", "database_error" }, one = 1 },
      answers("tx-then-query", 200).json)
  end)

  it("keeps a transaction from other requests", function()
    local c = app:connect()
    c:send "GET /probe/tx-lend HTTP/1.1\r\nHost: a\r\n\r\n"
    eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 1 end)
    answers("tx-steal", 500, "internal_error")
    assert.equal(200, c:read("GET").status)
    app:await_log "belongs to another request"
  end)

  it("lets nothing wait that is closed because the client left", function()
    for _ = 1, 4 do
      local c = app:connect()
      c:send "GET /probe/close-leave HTTP/1.1\r\nHost: a\r\n\r\n"
      eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 1 end)
      c:reset()
      eventually(function() return sessions "state <> 'idle'" == 0 end)
    end
  end)

  it("rolls back the transaction of a client that leaves", function()
    for _ = 1, 4 do -- more often than there are connections
      local c = app:connect()
      c:send "GET /probe/tx-leave HTTP/1.1\r\nHost: a\r\n\r\n"
      eventually(function() return sessions "state = 'active' AND query LIKE '%pg_sleep%'" == 1 end)
      c:reset()
      eventually(function() return sessions "state <> 'idle'" == 0 end)
    end
    assert.equal("0", database.query("SELECT count(*) AS n FROM probe WHERE id = 'left'")[1].n)
  end)

  describe("bodies and queries", function()
    local function post(body, options)
      options = options or {}
      options.headers = options.headers or { ["Content-Type"] = "application/json" }
      options.body = body
      return app:request("POST", options.target or "/probe/echo/x%20y", options)
    end

    it("gives decoded parameters, defaults and the body", function()
      local r = post('{"title":"abc","tags":[],"inner":{}}', { target = "/probe/echo/x%20y?flag=true" })
      assert.equal(200, r.status, r.body)
      assert.equal("x y", r.json.name)
      assert.equal(3, r.json.n)
      assert.is_true(r.json.flag)
      assert.equal("/probe/echo/{name}", r.json.route)
      assert.is_truthy(r.body:find('"tags":[]', 1, true) and r.body:find('"inner":{}', 1, true))
    end)

    it("names every wrong field at once by JSON pointer", function()
      local r = post '{"title":"a","count":-1,"tags":["a","b","c"],"when":"soon","kind":"c","inner":{"deep":1},"x/y":1}'
      assert.equal(422, r.status)
      assert.equal("validation_failed", r.json.code)
      local pointers = {}
      for _, e in ipairs(r.json.errors) do pointers[#pointers + 1] = e.pointer end
      table.sort(pointers)
      assert.same({ "/count", "/inner/deep", "/kind", "/tags", "/title", "/when", "/x~1y" }, pointers)
    end)

    it("names at most 32 wrong fields", function()
      local fields = {}
      for i = 1, 100 do fields[i] = ('"f%d":1'):format(i) end
      local r = post("{" .. table.concat(fields, ",") .. "}")
      assert.equal(422, r.status)
      assert.equal(32, #r.json.errors)
    end)

    it("refuses a body that is no object", function()
      for _, text in ipairs { "[]", "null", "1", '"x"', "true" } do
        local r = post(text)
        assert.equal(422, r.status, text)
        assert.same({ { pointer = "", detail = "must be an object" } }, r.json.errors)
        assert.equal("the body must be an object", r.json.detail)
      end
    end)

    it("refuses wrong and unknown query fields", function()
      for _, target in ipairs { "?n=0", "?n=10", "?n=1.0", "?n=0x1", "?n=", "?flag=1", "?other=1" } do
        local r = post('{"title":"abc"}', { target = "/probe/echo/x" .. target })
        assert.equal(422, r.status, target)
      end
      for _, target in ipairs { "?n=1&n=2", "?n=%", "?n=%0", "?n=%zz", "?n=%00", "?n=%ff" } do
        local r = post('{"title":"abc"}', { target = "/probe/echo/x" .. target })
        assert.equal(400, r.status, target)
      end
    end)

    it("answers 400 to what is not JSON, with the place", function()
      for _, text in ipairs {
        "{", "nope", '{"title":01}', '{"title":"a","title":"b"}', '{"title":"abc"} x', '\239\187\191{}',
      } do
        local r = post(text)
        assert.equal(400, r.status, text)
        assert.equal("invalid_json", r.json.code)
        assert.equal(1, #r.json.errors)
      end
    end)

    it("answers 415 to other media types and encodings, 413 to what is too long, 422 to no body", function()
      assert.equal(415, post("a=b", { headers = { ["Content-Type"] = "application/x-www-form-urlencoded" } }).status)
      local packed = { ["Content-Type"] = "application/json", ["Content-Encoding"] = "gzip" }
      assert.equal(415, post("x", { headers = packed }).status)
      assert.equal(413, post('{"title":"' .. ("a"):rep(3000) .. '"}').status)
      assert.equal(422, app:request("POST", "/probe/echo/x", {}).status)
    end)
  end)
end)

describe("scripts short of memory and time", function()
  local app, database

  setup(function()
    database = cluster.fresh()
    database.run(TABLES)
    app = server.start {
      database = database, workers = 1,
      env = {
        MEDBOOKD_HOME = make_home(), MEDBOOKD_WORKER_SCRIPT_MEMORY = "32MB", MEDBOOKD_DATABASE_POOL_MAX = "2",
        MEDBOOKD_HTTP_REQUEST_TIMEOUT = "1s",
      },
    }
  end)

  it("answers each of many requests that want more than there is", function()
    local PATHS <const> = { "allocate", "raise", "memory", "tx-commit-fails", "return-problem", "allocate", "yield",
                            "types" }
    local ALLOWED <const> = { [200] = true, [409] = true, [429] = true, [500] = true, [503] = true, [504] = true }
    for _ = 1, 6 do
      local connections = {}
      for i = 1, 24 do
        connections[i] = app:connect { timeout = 60 }
        connections[i]:send(("GET /probe/%s HTTP/1.1\r\nHost: a\r\n\r\n"):format(PATHS[i % #PATHS + 1]))
      end
      for _, c in ipairs(connections) do
        local r = assert(c:read "GET")
        assert.is_true(ALLOWED[r.status], r.status)
        c:close()
      end
    end
    assert.equal("hello", app:get("/probe/hello").json.message)
    assert.equal(0, app:figure "medbookd_worker_restarts_total")
  end)

  it("answers 504 when the request's time is over, and cancels its statement", function()
    local r = app:get "/probe/sleep"
    assert.equal(504, r.status, r.body)
    assert.equal("request_timeout", r.json.code)
    eventually(function()
      return database.query([[SELECT count(*) AS n FROM pg_stat_activity
        WHERE state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()]])[1].n == "0"
    end)
  end)

  it("gives a request its whole time after a long upload", function()
    local c = app:connect { timeout = 20 }
    c:send "POST /probe/upload-late HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n"
    for _ = 1, 15 do
      c:send "x"
      socket.sleep(0.1)
    end
    local r = c:read "POST"
    assert.equal(200, r.status, r.body)
    assert.same({ bytes = 15, one = 1 }, r.json)
  end)
end)

describe("medbookd check", function()
  local function check(file, text)
    local dir = make_home()
    if file then paths.write(dir .. "/lua/" .. file, text) end
    return server.make({ env = { MEDBOOKD_HOME = dir } }):command "check"
  end

  it("accepts the scripts as they are", function()
    local r = check()
    assert.equal(0, r.code, r.err)
  end)

  for name, case in pairs {
    ["a syntax error"] = { "routes/x.lua", "return {\n  oops oops\n}", "routes/x.lua:2:" },
    ["a route without a permission"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", handler = function() end } }', "permission" },
    ["an unknown permission"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "a.b", handler = function() end } }',
      "permissions" },
    ["an unknown key of a route"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "public", y = 1,'
        .. ' handler = function() end } }', "'y'" },
    ["a route that exists already"] = { "routes/x.lua",
      'return { { method = "GET", path = "/v1/slots", summary = "x", permission = "public",'
        .. ' handler = function() end } }',
      "/v1/slots" },
    ["an unknown schema keyword"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "public", handler = function() end,'
        .. ' query = { a = { type = "string", maxlength = 3 } } } }', "maxlength" },
    ["a keyword that says nothing about its type"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "public", handler = function() end,'
        .. ' query = { a = { type = "integer", maxLength = 3 } } } }', "maxLength" },
    ["a default of another type"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "public", handler = function() end,'
        .. ' query = { a = { type = "integer", default = "3" } } } }', "default" },
    ["a query field that no text can become"] = { "routes/x.lua",
      'return { { method = "GET", path = "/x", summary = "x", permission = "public", handler = function() end,'
        .. ' query = { a = { type = "number" } } } }', "query /a: " },
    ["a route file that returns one route"] = { "routes/x.lua",
      'return { method = "GET", path = "/x", summary = "x", permission = "public", handler = function() end }',
      "list" },
    ["a max_body below one"] = { "routes/x.lua",
      'return { { method = "POST", path = "/x", summary = "x", permission = "public", max_body = -1,'
        .. ' handler = function() end } }', "max_body" },
    ["a name that is no module's"] = { "routes/x.lua", 'local x = require "a/b"\nreturn {}', "no name of a module" },
    ["a module that is not there"] = { "routes/x.lua", 'local x = require "mb.nothing"\nreturn {}', "mb.nothing" },
    ["an assignment to a global at load"] = { "routes/x.lua", "x = 1\nreturn {}", "routes/x.lua:1:" },
    ["a misspelled global in a function that never runs"] = { "routes/x.lua",
      "local function f()\n  return tostirng(1)\nend\nreturn {}, f",
      "routes/x.lua:2:10: undefined global 'tostirng' (did you mean 'tostring'?)" },
    ["a name of nothing near"] = { "routes/x.lua", "return { x = frobnicate }",
      "routes/x.lua:1:14: undefined global 'frobnicate' (declare it local, or require what has it)" },
    ["bytecode"] = { "routes/x.lua", string.dump(function() end), "routes/x.lua" },
    ["modules that require each other"] = { "routes/x.lua", 'require "routes.x"\nreturn {}', "requires itself" },
  } do
    it("refuses " .. name .. " and names the place", function()
      local r = check(case[1], case[2])
      assert.not_equal(0, r.code)
      assert.is_truthy(r.err:find(case[3], 1, true), r.err)
    end)
  end
end)

describe("what is wrong with several files", function()
  it("is told at once, in the order of files and of their code, with columns", function()
    local dir = make_home()
    paths.write(dir .. "/lua/routes/a.lua", "local x =\n\nreturn )")
    paths.write(dir .. "/lua/routes/b.lua", "return function()\n  count = unknwon\n  return { later }\nend")
    local r = server.make({ env = { MEDBOOKD_HOME = dir } }):command "check"
    assert.equal(table.concat({
      "medbookd: routes/a.lua:3:1: unexpected symbol near 'return'",
      "medbookd: routes/b.lua:2:11: undefined global 'unknwon' (declare it local, or require what has it)",
      "medbookd: routes/b.lua:2:3: assignment to global 'count' (declare it: local count)",
      "medbookd: routes/b.lua:3:12: undefined global 'later' (declare it local, or require what has it)", "",
    }, "\n"), r.err)
  end)
end)

describe("worker.script_cpu", function()
  local app

  setup(function()
    local database = cluster.fresh()
    database.run(TABLES)
    app = server.start { database = database, workers = 1, env = { MEDBOOKD_HOME = make_home() } }
  end)

  for _, way in ipairs { "spin", "spin-caught", "spin-in-handler", "spin-in-callback", "spin-in-transaction" } do
    it("ends a request that takes all processor time, whatever it catches: " .. way, function()
      local r = app:get("/probe/" .. way)
      assert.same({ 503, "cpu_limit" }, { r.status, r.json.code })
      assert.matches("50 ms .*%(worker%.script_cpu%)", r.json.detail)
      eventually(function()
        local said = app:log_lines(function(line) return line.request == r.json.requestId and line.limit end)
        return #said == 1 and said[1].at:match "^routes/probe%.lua:%d+$" and said[1].trace
          and said[1].limit:find("(worker.script_cpu)", 1, true)
      end)
      assert.equal(200, app:get("/probe/hello").status)
      assert.equal(0, app:figure "medbookd_worker_restarts_total")
    end)
  end

  it("lets a request take its processor time anew after each wait", function()
    assert.equal(200, app:get("/probe/work-between-waits").status)
  end)
end)
