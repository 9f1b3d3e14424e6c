-- What a client of the HTTP layer sees: connections, answers, headers, streams, the end.

local eventually = require "support.eventually"
local probes = require "tools.http_probe"

local TRACE <const> = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

describe("a connection", function()
  local probe

  setup(function() probe = probes.start { request_timeout = 60000 } end)

  it("serves many requests", function()
    local conn = probe:connect()
    for i = 1, 50 do assert.equal(200, conn:request("GET", "/n" .. i).status) end
    conn:close()
  end)

  it("answers pipelined requests in order, also when they take different times", function()
    local conn, wanted = probe:connect(), {}
    local delays = { 30, 0, 10, 0, 0, 20, 1, 0 }
    local bytes = {}
    for i, ms in ipairs(delays) do
      bytes[i] = ("GET /slow?%d%d HTTP/1.1\r\nHost: x\r\n\r\n"):format(ms, i)
      wanted[i] = ("%d%d"):format(ms, i)
    end
    conn:send(table.concat(bytes))
    for _, query in ipairs(wanted) do assert.equal(query, conn:read().json.query) end
    conn:close()
  end)

  it("answers 300 pipelined requests sent in one write", function()
    local conn = probe:connect()
    conn:send(("GET /json HTTP/1.1\r\nHost: x\r\n\r\n"):rep(300))
    for _ = 1, 300 do assert.equal(200, conn:read().status) end
    conn:close()
  end)

  it("stops reading ahead at its ceiling while a request runs, and loses nothing", function()
    local conn = probe:connect()
    local body = ("b"):rep(500000)
    conn:send "GET /slow?200 HTTP/1.1\r\nHost: x\r\n\r\n"
    conn:send(("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"):format(#body, body))
    assert.equal("200", conn:read().json.query)
    assert.equal(#body, conn:read().json.body)
    conn:close()
  end)

  it("that is reset while a request runs aborts it", function()
    local before = probe:stats().aborts
    local conn = probe:connect()
    conn:send "POST /hang HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    probe:await("in_flight", 2)
    conn:reset()
    probe:await("aborts", before + 1)
    probe:await("in_flight", 1)
  end)

  it("whose client half-closes aborts a GET", function()
    local before = probe:stats().aborts
    local conn = probe:connect()
    conn:send "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"
    conn.sock:shutdown "send"
    probe:await("aborts", before + 1)
    conn:close()
  end)

  it("whose client half-closes still answers a POST", function()
    local conn = probe:connect()
    conn:send "POST /slow?50 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    conn.sock:shutdown "send"
    assert.equal(2, conn:read().json.body)
    assert.is_true(conn:is_closed())
    conn:close()
  end)

  it("ends a request for each that it began", function()
    probe:await("in_flight", 1)
    local stats = probe:stats()
    assert.equal(stats.heads, stats.ends + 1)
  end)
end)

describe("an answer", function()
  local probe

  setup(function() probe = probes.start { timing = 1 } end)

  it("carries Date, a request id and safe defaults", function()
    local headers = probe:request("GET", "/json").headers
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", headers.date)
    assert.matches("^%x+$", headers["x-request-id"])
    assert.equal(32, #headers["x-request-id"])
    assert.equal("nosniff", headers["x-content-type-options"])
    assert.equal("no-store", headers["cache-control"])
    assert.matches("^total;dur=%d+%.%d%d%d$", headers["server-timing"])
    assert.is_nil(headers.connection)
  end)

  it("takes over a request id that is safe to repeat", function()
    local response = probe:request("GET", "/json", { headers = { ["X-Request-Id"] = "abc_1.2-3" } })
    assert.equal("abc_1.2-3", response.headers["x-request-id"])
  end)

  it("replaces a request id that is not", function()
    for _, id in ipairs { "a b", "a\"b", ("a"):rep(129), "" } do
      local response = probe:request("GET", "/json", { headers = { ["X-Request-Id"] = id } })
      assert.equal(32, #response.headers["x-request-id"])
    end
  end)

  it("knows a valid traceparent from others", function()
    local function traced(value)
      return probe:request("GET", "/", { headers = { traceparent = value } }).json.traced
    end
    assert.is_true(traced(TRACE))
    assert.is_false(traced(TRACE:upper()))
    assert.is_false(traced("ff" .. TRACE:sub(3)))
    assert.is_false(traced("00-" .. ("0"):rep(32) .. "-00f067aa0ba902b7-01"))
    assert.is_false(traced(TRACE .. "-x"))
    assert.is_true(traced("01" .. TRACE:sub(3)))
    assert.is_true(traced("01" .. TRACE:sub(3) .. "-more"))
    assert.is_false(traced("01" .. TRACE:sub(3) .. "more"))
  end)

  it("to HEAD has the length but no body", function()
    local conn = probe:connect()
    local head = conn:request("HEAD", "/json")
    local get = conn:request("GET", "/json")
    assert.equal(get.headers["content-length"], head.headers["content-length"])
    assert.equal("", head.body)
    conn:close()
  end)

  it("is a problem document when the request is refused", function()
    local conn = probe:connect()
    conn:send "GET / HTTP/1.1\r\n\r\n"
    local response = conn:read()
    assert.equal(400, response.status)
    assert.equal("application/problem+json", response.headers["content-type"])
    assert.equal("close", response.headers.connection)
    assert.same({ type = "/docs/problems#bad_host", title = "Bad Request", status = 400, code = "bad_host",
                  detail = "there must be exactly one valid Host field",
                  requestId = response.headers["x-request-id"] }, response.json)
    assert.is_true(conn:is_closed())
    conn:close()
  end)

  it("with a forged header becomes 500 and forges nothing", function()
    local response = probe:request("GET", "/bad")
    assert.equal(500, response.status)
    assert.equal("bad_reply_header", response.json.code)
    assert.is_nil(response.headers["set-cookie"])
  end)

  it("is compressed for who accepts it", function()
    local function coding(target, accept)
      local response = probe:request("GET", target, { headers = { ["Accept-Encoding"] = accept } })
      return response.headers["content-encoding"] or "none", response
    end
    local name, response = coding("/big?5000", "br, gzip;q=0.8")
    assert.equal("gzip", name)
    assert.is_true(#response.body < 1000)
    assert.equal("\x1f\x8b", response.body:sub(1, 2))
    assert.equal("Accept-Encoding", response.headers.vary)
    for accept, wanted in pairs {
      ["gzip"] = "gzip", ["X-GZIP"] = "gzip", ["*"] = "gzip", ["br, *;q=0.1"] = "gzip", ["gzip;q=0.001"] = "gzip",
      [", gzip ; q=1 ,"] = "gzip", ["identity;q=0.5, gzip"] = "gzip", ["gzip;q=1.000, identity"] = "gzip",
      ["gzip;q=0"] = "none", ["br"] = "none", ["identity"] = "none", ["gzip;q=0.5, identity"] = "none",
      ["gzip;Q=0.000, *"] = "none", ["gzip;q=0.5, *"] = "none", ["gzip;q=2"] = "none", [""] = "none",
    } do
      assert.equal(wanted, (coding("/big?5000", accept)), accept)
    end
    local lines = { { "Accept-Encoding", "br" }, { "Accept-Encoding", "gzip" } }
    assert.equal("gzip", probe:request("GET", "/big?5000", { headers = lines }).headers["content-encoding"])
    assert.equal("none", (coding("/big?1023", "gzip")))
    assert.equal("Accept-Encoding", select(2, coding("/big?5000", "identity")).headers.vary)
  end)

  -- Byte 8 of gzip (RFC 1952): 4 = the fastest way, 2 = the smallest result.
  it("is compressed as much as is wanted", function()
    for level, told in pairs { [1] = 4, [9] = 2 } do
      local set = probes.start { gzip_level = level }
      local response = set:request("GET", "/big?5000", { headers = { ["Accept-Encoding"] = "gzip" } })
      assert.equal(told, response.body:byte(9))
    end
  end)

  -- The probe's answers to /big and /out have the ETag W/"a,b".
  describe("with an ETag", function()
    local function ask(method, target, headers) return probe:request(method, target, { headers = headers }) end

    it("that If-None-Match names is 304, with the fields that a cache needs and nothing of the body", function()
      for _, method in ipairs { "GET", "HEAD" } do
        for _, target in ipairs { "/big?5000", "/out?5000" } do
          local whole, response = ask(method, target), ask(method, target, { ["If-None-Match"] = '"a,b"' })
          assert.equal(200, whole.status)
          assert.equal(304, response.status)
          for _, name in ipairs { "etag", "vary", "cache-control" } do
            assert.equal(whole.headers[name], response.headers[name], name)
          end
          for _, name in ipairs { "content-type", "content-length", "content-encoding", "transfer-encoding" } do
            assert.is_nil(response.headers[name], name)
          end
        end
      end
      local packed = ask("GET", "/big?5000", { ["If-None-Match"] = '"a,b"', ["Accept-Encoding"] = "gzip" })
      assert.same({ 304, "Accept-Encoding" }, { packed.status, packed.headers.vary })
    end)

    it("is named weakly, in a list, on any line, or by *", function()
      for _, value in ipairs { 'W/"a,b"', '"x" , W/"y",\t"a,b"', ',, "a,b",', "*" } do
        assert.equal(304, ask("GET", "/big?9", { ["If-None-Match"] = value }).status, value)
      end
      assert.equal(304, ask("GET", "/big?9", { { "If-None-Match", '"x"' }, { "If-None-Match", '"a,b"' } }).status)
    end)

    it("is sent whole when something else is named, or nothing that is a tag", function()
      for _, value in ipairs { '"a"', '"a", "b"', '"A,B"', "a,b", '"a,b', 'w/"a,b"', 'W/', "x", '"x", *', "" } do
        local response = ask("GET", "/big?9", { ["If-None-Match"] = value })
        assert.same({ 200, 9 }, { response.status, #response.body }, value)
      end
    end)

    it("is sent whole to what is not a GET, and one without stays itself", function()
      assert.equal(200, ask("POST", "/big?9", { ["If-None-Match"] = '"a,b"' }).status)
      assert.equal(200, ask("GET", "/json", { ["If-None-Match"] = "*" }).status)
    end)

    -- The probe's answers to /strong have the ETag "3".
    it("that is strong names one form of the answer: the compressed one has another", function()
      local zipped = { ["Accept-Encoding"] = "gzip" }
      for _, method in ipairs { "GET", "HEAD", "POST" } do
        assert.equal('"3"', ask(method, "/strong?5000").headers.etag)
        assert.equal('"3-gzip"', ask(method, "/strong?5000", zipped).headers.etag)
      end
      assert.equal('"3"', ask("GET", "/strong?9", zipped).headers.etag)
      assert.equal('W/"a,b"', ask("GET", "/big?5000", zipped).headers.etag)
    end)

    it("is known by the tag of either form, and 304 names the one that the client holds", function()
      local function held(value, accept)
        local response = ask("GET", "/strong?5000", { ["If-None-Match"] = value, ["Accept-Encoding"] = accept })
        return response.status .. " " .. response.headers.etag
      end
      for _, accept in ipairs { "gzip", "identity" } do
        assert.equal('304 "3"', held('"3"', accept))
        assert.equal('304 "3-gzip"', held('"2", W/"3-gzip"', accept))
        local own = accept == "gzip" and '"3-gzip"' or '"3"'
        assert.equal("304 " .. own, held('"3-gzip", "3"', accept))
        assert.equal("304 " .. own, held("*", accept))
        for _, other in ipairs { '"3-br"', '"3-gzip-gzip"', '"-gzip"', '"33-gzip"', '"4-gzip"' } do
          assert.equal("200 " .. own, held(other, accept), other)
        end
      end
      assert.equal(200, ask("GET", "/big?9", { ["If-None-Match"] = '"a,b-gzip"' }).status)
    end)

    it("leaves the connection in step", function()
      local conn = probe:connect()
      for _, target in ipairs { "/big?5000", "/out?5000", "/big?5000" } do
        assert.equal(304, conn:request("GET", target, { headers = { ["If-None-Match"] = "*" } }).status)
      end
      assert.equal(200, conn:request("GET", "/json").status)
      conn:close()
    end)
  end)
end)

describe("a streamed answer", function()
  local probe

  setup(function() probe = probes.start { max_output_bytes = 65536 } end)

  it("comes in chunks", function()
    local response = probe:request("GET", "/out?100000")
    assert.equal("chunked", response.headers["transfer-encoding"])
    assert.equal(("x"):rep(100000), response.body)
    assert.is_true(response.chunks > 1)
  end)

  it("to HTTP/1.0 ends with the connection", function()
    local conn = probe:connect()
    conn:send "GET /out?100000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    local response = conn:read()
    assert.is_nil(response.headers["transfer-encoding"])
    assert.equal(100000, #response.body)
    conn:close()
  end)

  it("to HEAD has no body, and the connection goes on", function()
    local conn = probe:connect()
    conn:request("HEAD", "/out?100000")
    assert.equal(200, conn:request("GET", "/json").status)
    conn:close()
  end)

  it("waits for a reader that does not read", function()
    local size = 50 * 1024 * 1024
    local conn = probe:connect()
    conn:send(("GET /out?%d HTTP/1.1\r\nHost: x\r\n\r\n"):format(size))
    probe:await("in_flight", 2)
    assert.is_true(probe:stats().bytes_out < size / 2)
    assert.equal(size, #conn:read().body)
    conn:close()
  end)

  it("that the handler aborts is seen to be broken", function()
    local conn = probe:connect()
    conn:send "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.has_error(function() conn:read() end)
    conn:close()
  end)

  it("that is aborted without chunks ends in a reset, not in what looks like its end", function()
    local conn = probe:connect()
    conn:send "GET /broken HTTP/1.0\r\n\r\n"
    eventually(function() return conn.sock:getoption "error" end, { what = "a reset" })
    conn:close()
  end)
end)

describe("a streamed body", function()
  local probe

  setup(function() probe = probes.start { max_body = 100000000 } end)

  it("is counted to its last byte", function()
    local response = probe:request("POST", "/sink", { body = ("b"):rep(3000000) })
    assert.equal(3000000, response.json.received)
  end)

  it("waits for a handler that holds it up", function()
    local response = probe:request("POST", "/drip", { body = ("b"):rep(1000000) })
    assert.equal(1000000, response.json.received)
  end)

  it("in chunks waits too", function()
    local conn = probe:connect()
    conn:send "POST /drip HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ = 1, 50 do conn:send("3e8\r\n" .. ("b"):rep(1000) .. "\r\n") end
    conn:send "0\r\n\r\nGET /json HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal(50000, conn:read().json.received)
    assert.equal(200, conn:read().status)
    conn:close()
  end)

  it("may be empty", function()
    assert.equal(0, probe:request("POST", "/sink", { body = "" }).json.received)
  end)

  it("may be decided about later", function()
    assert.equal(5, probe:request("POST", "/late?20", { body = "hello" }).json.body)
  end)

  it("is asked for when the client waits to be", function()
    local conn = probe:connect()
    conn:send "POST /late?10 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert.equal(100, conn:read().status)
    conn:send "hello"
    assert.equal(5, conn:read().json.body)
    conn:close()
  end)

  it("that is too large is refused, and who goes on sending all of it still reads so", function()
    local size <const> = 20000000
    local small = probes.start { max_body = 1000, linger_timeout = 60000, linger_bytes = 2 * size }
    for _, framing in ipairs { "Content-Length: " .. size, "Transfer-Encoding: chunked" } do
      local conn = small:connect()
      conn:send("POST /p HTTP/1.1\r\nHost: x\r\n" .. framing .. "\r\n\r\n")
      if framing:find "chunked" then conn:send(("%x\r\n"):format(size)) end
      assert.truthy(conn:send(("b"):rep(size)))
      local response = conn:read()
      assert.same({ 413, "body_too_large" }, { response.status, response.json.code })
      conn:close()
    end
  end)

  it("that is too large is read and thrown away up to a ceiling", function()
    local small = probes.start { max_body = 1000, linger_timeout = 60000, linger_bytes = 100000 }
    local conn = small:connect()
    conn:send "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    assert.is_nil(conn:send(("b"):rep(50000000)))
    conn:close()
    assert.is_true(small:stats().bytes_in < 1000000)
  end)

  it("that is too large keeps its connection only for a time", function()
    local small = probes.start { max_body = 1000, linger_timeout = 100 }
    local conn = small:connect()
    conn:send "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    assert.equal(413, conn:read().status)
    eventually(function() return not conn:send "b" end, { what = "a reset" })
    conn:close()
  end)

  it("that is not wanted is cut off without losing the answer", function()
    local conn = probe:connect()
    conn:send "POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
    for _ = 1, 8 do conn:send(("b"):rep(100000)) end
    local response = conn:read()
    assert.equal(403, response.status)
    assert.equal("close", response.headers.connection)
    conn:close()
  end)
end)

describe("calls from other origins", function()
  local probe

  setup(function() probe = probes.start { cors = "https://a.example,https://b.example" } end)

  local function ask(origin, method, headers)
    headers = headers or {}
    headers.Origin = origin
    return probe:request(method or "GET", "/json", { headers = headers })
  end

  it("are allowed by exact name", function()
    local headers = ask("https://b.example").headers
    assert.equal("https://b.example", headers["access-control-allow-origin"])
    assert.equal("Origin", headers.vary)
    assert.matches("ETag.*RateLimit, RateLimit%-Policy", headers["access-control-expose-headers"])
    assert.is_nil(headers["access-control-allow-credentials"])
  end)

  it("are not allowed otherwise", function()
    for _, origin in ipairs { "https://a.example.evil", "http://a.example", "https://A.example", "null" } do
      local headers = ask(origin).headers
      assert.is_nil(headers["access-control-allow-origin"], origin)
      assert.equal("Origin", headers.vary)
    end
  end)

  it("may be asked for beforehand", function()
    local response = ask("https://a.example", "OPTIONS", { ["Access-Control-Request-Method"] = "POST" })
    assert.equal(204, response.status)
    assert.matches("Idempotency%-Key", response.headers["access-control-allow-headers"])
    assert.matches("PATCH", response.headers["access-control-allow-methods"])
  end)

  it("need not be asked for again for a time", function()
    local function age(set)
      return set:request("OPTIONS", "/json", { headers = { Origin = "https://a.example",
        ["Access-Control-Request-Method"] = "POST" } }).headers["access-control-max-age"]
    end
    assert.equal("600", age(probe))
    assert.equal("86400", age(probes.start { cors = "*", cors_max_age = 86400000 }))
  end)

  it("that are not allowed get no preflight", function()
    local response = ask("https://x.example", "OPTIONS", { ["Access-Control-Request-Method"] = "POST" })
    assert.is_nil(response.headers["access-control-allow-origin"])
    assert.is_nil(response.headers["access-control-allow-methods"])
  end)

  it("may all be allowed", function()
    local open = probes.start { cors = "*" }
    local headers = open:request("GET", "/json", { headers = { Origin = "https://x.example" } }).headers
    assert.equal("*", headers["access-control-allow-origin"])
    assert.is_nil(headers.vary)
  end)
end)

describe("the client's address", function()
  it("is the peer's when the peer is no trusted proxy", function()
    local probe = probes.start()
    local headers = { ["X-Forwarded-For"] = "192.0.2.9" }
    assert.equal("127.0.0.1", probe:request("GET", "/", { headers = headers }).json.client)
  end)

  it("is the last hop that no trusted proxy has", function()
    local probe = probes.start { trusted = "127.0.0.1,10.0.0.0/8" }
    local function client(headers) return probe:request("GET", "/", { headers = headers }).json.client end
    assert.equal("192.0.2.9", client { ["X-Forwarded-For"] = "192.0.2.9" })
    assert.equal("192.0.2.9", client { ["X-Forwarded-For"] = "1.1.1.1, 192.0.2.9, 10.1.1.1" })
    assert.equal("192.0.2.9", client { { "X-Forwarded-For", "1.1.1.1, 192.0.2.9" },
                                       { "X-Forwarded-For", "10.2.2.2" } })
    assert.equal("10.1.1.1", client { ["X-Forwarded-For"] = "192.0.2.9, junk, 10.1.1.1" })
    assert.equal("192.0.2.9", client { { "X-Forwarded-For", "192.0.2.9,, 10.2.2.2 ," }, { "X-Forwarded-For", "," } })
    assert.equal("127.0.0.1", client {})
  end)

  it("is taken from the one field that the proxies write, as the other may be the client's own", function()
    local both = { ["X-Forwarded-For"] = "192.0.2.9", Forwarded = 'for=1.1.1.1, for="[2001:db8::7]:99";proto=https' }
    local function client(options)
      return probes.start(options):request("GET", "/", { headers = both }).json.client
    end
    assert.equal("192.0.2.9", client { trusted = "127.0.0.1" })
    assert.equal("2001:db8::7", client { trusted = "127.0.0.1", forwarded = 1 })
  end)
end)

describe("the access log", function()
  it("has a line for each request, without query and without raw bytes", function()
    local probe = probes.start { log = 1 }
    probe:request("GET", "/a%0Ab?token=secret", { headers = { ["X-Request-Id"] = "my-id",
                                                              Authorization = "Bearer secret" } })
    local line = eventually(function() return probe:log():match "[^\n]*msg=request[^\n]*" end)
    assert.matches("method=GET path=/a%%0Ab route=probe status=200 bytes=%d+ us=%d+ ", line)
    assert.matches(" id=my%-id client=127%.0%.0%.1$", line)
    assert.is_nil(probe:log():find("secret", 1, true))
  end)
end)

describe("a drained server", function()
  it("answers what is in flight, says so, and ends", function()
    local probe = probes.start()
    local idle, busy = probe:connect(), probe:connect()
    idle:request("GET", "/json")
    busy:send "GET /slow?300 HTTP/1.1\r\nHost: x\r\n\r\n"
    probe:await("in_flight", 2)
    probe.process:signal "TERM"
    assert.is_true(idle:is_closed())
    local response = busy:read()
    assert.equal(200, response.status)
    assert.equal("close", response.headers.connection)
    assert.is_true(busy:is_closed())
    local how, code = probe.process:wait(10)
    assert.same({ "exit", 0 }, { how, code })
    assert.matches("drained clean", probe:log())
  end)

  it("does not wait long for a client that could still send", function()
    local probe = probes.start { linger_timeout = 60000, max_body = 10 }
    local conn = probe:connect()
    conn:send "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    assert.equal(413, conn:read().status)
    probe.process:signal "TERM"
    probe.process:wait(10)
    assert.matches("drained clean", probe:log())
    conn:close()
  end)

  it("cuts what does not end in time", function()
    local probe = probes.start()
    local conn = probe:connect()
    conn:send "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"
    probe:await("in_flight", 2)
    probe.process:signal "TERM"
    local how, code = probe.process:wait(10)
    assert.same({ "exit", 0 }, { how, code })
    assert.matches("drained cut", probe:log())
    conn:close()
  end)
end)
