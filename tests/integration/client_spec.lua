-- Requests of scripts to other servers: what comes back, what ends them, and what they never reach.
-- The other server is tests/fixtures/client/peer.lua.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local json = require "cjson"
local native = require "support.native"
local paths = require "support.paths"
local peers = require "support.peer"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local function start(env)
  local all = { MEDBOOKD_HOME = home.with "client/call.lua" }
  for key, value in pairs(env) do all[key] = value end
  return server.start { database = cluster.fresh "schema", workers = 1, env = all }
end

local function call(app, request, how)
  local r = app:post("/call/" .. (how or "request"), { json = json.encode(request) }, { timeout = 30 })
  assert.equal(200, r.status, r.body)
  return r.json
end

describe("a request of a script to another server", function()
  local app, peer

  setup(function()
    peer = peers.start()
    app = start {
      MEDBOOKD_CLIENT_ALLOW = "127.0.0.1", MEDBOOKD_CLIENT_PORTS = "80,443,1024-65535",
      MEDBOOKD_CLIENT_TIMEOUT = "700ms", MEDBOOKD_CLIENT_MAX_BODY = "64KB", MEDBOOKD_CLIENT_MAX_CONNECTIONS = "2",
      MEDBOOKD_CLIENT_MAX_WAITING = "3", MEDBOOKD_CLIENT_MAX_HEADER_BYTES = "4KB",
      MEDBOOKD_HTTP_REQUEST_TIMEOUT = "20s",
    }
  end)

  local function metric(name)
    return tonumber(app:admin("/metrics").body:match("medbookd_client_requests_" .. name .. '{worker="1"} (%d+)'))
  end

  -- A connection on which a request was sent that makes its script wait for the peer.
  local function wait_for_peer(of)
    local client, body = of:connect { timeout = 20 }, json.encode { json = json.encode { url = peer.url .. "/silent" } }
    client:send(("POST /call/request HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
      .. "Content-Length: %d\r\n\r\n%s"):format(#body, body))
    return client
  end

  local function fails(request, code)
    local result = call(app, request)
    assert.is_nil(result.answer)
    assert.equal(code, result.failure.code, result.failure.detail)
    assert.equal(1, result.one)
  end

  it("brings status, headers and body", function()
    local answer = call(app, {
      method = "PUT", url = peer.url .. "/echo?a=b", body = "hello world",
      headers = { ["X-Mine"] = "yes", ["X-None"] = "" },
    }).answer
    assert.equal(200, answer.status)
    assert.equal("text/plain", answer.headers["content-type"])
    assert.equal("a, b", answer.headers["x-two"])
    assert.matches("^PUT /echo%?a=b HTTP/1.1\n", answer.body)
    assert.matches("\nX%-Mine: yes\n", answer.body)
    assert.matches("\nX%-None:\n", answer.body)
    assert.matches("\nUser%-Agent: medbookd/", answer.body)
    assert.matches("\n\nhello world$", answer.body)
    for _, absent in ipairs { "Content%-Type", "Expect", "Accept%-Encoding", "Cookie", "Authorization" } do
      assert.is_nil(answer.body:find(absent))
    end
  end)

  it("is a GET without a body and a POST with one, and any status is an answer", function()
    assert.matches("^GET ", call(app, { url = peer.url .. "/echo" }).answer.body)
    assert.matches("^POST ", call(app, { url = peer.url .. "/echo", body = "" }).answer.body)
    for _, status in ipairs { 204, 404, 500, 302 } do
      assert.equal(status, call(app, { url = peer.url .. "/status/" .. status, method = "DELETE" }).answer.status)
    end
    assert.equal("", call(app, { url = peer.url .. "/large/1000", method = "HEAD" }).answer.body)
  end)

  it("uses a connection again", function()
    local before = peer:count "connection"
    for _ = 1, 5 do call(app, { url = peer.url .. "/echo" }) end
    assert.is_true(peer:count "connection" <= before + 1)
  end)

  it("uses no connection again that had no request for client.idle_timeout", function()
    local other = start { MEDBOOKD_CLIENT_ALLOW = "127.0.0.1", MEDBOOKD_CLIENT_PORTS = "1-65535",
                          MEDBOOKD_CLIENT_IDLE_TIMEOUT = "1s" }
    call(other, { url = peer.url .. "/echo" })
    local before = peer:count "connection"
    eventually(function()
      call(other, { url = peer.url .. "/echo" })
      return peer:count "connection" > before
    end, { every = 2.5 })
    other:stop()
  end)

  it("follows redirects only when told, and takes its headers to no other host", function()
    local to = "/redirect/http:%2F%2F127.0.0.1:" .. peer.port .. "%2Fecho"
    assert.equal(302, call(app, { url = peer.url .. to }).answer.status)
    local headers = { Authorization = "secret", ["X-Key"] = "secret" }
    local same = call(app, { url = peer.url .. to, redirects = 1, headers = headers }).answer
    assert.matches("X%-Key: secret", same.body)
    local other = peers.start()
    to = "/redirect/http:%2F%2F127.0.0.1:" .. other.port .. "%2Fecho"
    local elsewhere = call(app, { url = peer.url .. to, redirects = 1, headers = headers }).answer
    assert.equal(200, elsewhere.status)
    assert.is_nil(elsewhere.body:find "secret")
    local circle = "/redirect/%2Fredirect%2F"
    assert.equal(302, call(app, { url = peer.url .. circle, redirects = 3 }).answer.status)
  end)

  for _, case in ipairs {
    { "has no answer in time", "/silent", "timeout" },
    { "is closed without an answer", "/close", "connection_lost" },
    { "is cut in the middle", "/half", "connection_lost" },
    { "is answered with nonsense", "/nonsense", "answer_invalid" },
    { "has too large a body", "/large/65537", "answer_too_large" },
    { "has too large headers", "/heads/5", "answer_too_large" },
  } do
    it("that " .. case[1] .. " fails with the code " .. case[3], function()
      fails({ url = peer.url .. case[2] }, case[3])
    end)
  end

  it("is refused by a port where nobody listens, and by a name that there is not", function()
    fails({ url = "http://127.0.0.1:" .. native.free_port() .. "/" }, "connect_failed")
    fails({ url = "http://nobody.invalid/" }, "resolve_failed")
  end)

  it("takes limits of its own below those of the server", function()
    assert.equal("answer_too_large", call(app, { url = peer.url .. "/large/11", max_body = 10 }).failure.code)
    assert.equal(10, #call(app, { url = peer.url .. "/large/10", max_body = 10 }).answer.body)
    assert.equal("timeout", call(app, { url = peer.url .. "/silent", timeout = 20 }).failure.code)
  end)

  for name, wrong in pairs {
    ["an unknown key"] = { { url = "http://a/", methd = "GET" }, "unknown key 'methd'" },
    ["no url"] = { { method = "GET" }, "url is missing" },
    ["a method that is none"] = { { url = "http://a/", method = "GET / HTTP/1.1\r\nX: y" }, "method is a word" },
    ["a tunnel"] = { { url = "http://a/", method = "CONNECT" }, "method is a word" },
    ["a body of a GET"] = { { url = "http://a/", method = "GET", body = "x" }, "GET takes no body" },
    ["redirects of a POST"] = { { url = "http://a/", body = "x", redirects = 1 }, "for GET and HEAD only" },
    ["too many redirects"] = { { url = "http://a/", redirects = 11 }, "redirects is a whole number from 0 to 10" },
    ["a header that splits"] = { { url = "http://a/", headers = { a = "b\r\nc: d" } }, "'a' is no header" },
    ["a name that splits"] = { { url = "http://a/", headers = { ["a\r\nb"] = "c" } }, "is no header" },
    ["a host of its own"] = { { url = "http://a/", headers = { Host = "b" } }, "'Host' is no header" },
    ["a length of its own"] = { { url = "http://a/", headers = { ["content-length"] = "1" } }, "is no header" },
    ["a framing of its own"] = { { url = "http://a/", headers = { ["Transfer-Encoding"] = "x" } }, "is no header" },
    ["a text for a number"] = { { url = "http://a/", timeout = "1s" }, "timeout (ms) is a whole number" },
    ["a negative time"] = { { url = "http://a/", timeout = -1 }, "timeout (ms) is a whole number" },
  } do
    it("with " .. name .. " raises", function()
      assert.matches(wrong[2], call(app, wrong[1], "wrong").why, 1, true)
    end)
  end

  it("inside a transaction raises: a connection would wait for another server", function()
    local before = peer:count "request"
    assert.matches("http.request inside db.tx", call(app, { url = peer.url .. "/echo" }, "in-tx").why, 1, true)
    assert.equal(before, peer:count "request")
  end)

  it("is one of a bounded number", function()
    local clients, codes = {}, {}
    for i = 1, 8 do clients[i] = wait_for_peer(app) end
    for _, client in ipairs(clients) do
      local code = json.decode(assert(client:read "POST").body).failure.code
      codes[code] = (codes[code] or 0) + 1
      client:close()
    end
    assert.same({ timeout = 5, busy = 3 }, codes)
    assert.equal(0, metric "in_flight")
  end)

  it("is counted", function()
    local answered, failed, refused = metric "answered_total", metric "failed_total", metric "refused_total"
    call(app, { url = peer.url .. "/echo" })
    call(app, { url = peer.url .. "/close" })
    call(app, { url = "gopher://127.0.0.1/" })
    assert.same({ answered + 1, failed + 1, refused + 1 },
      { metric "answered_total", metric "failed_total", metric "refused_total" })
  end)

  it("waits for a connection to its host, ends when its client leaves, and does not hold up the end of the server",
    function()
      local other = start { MEDBOOKD_CLIENT_ALLOW = "127.0.0.1", MEDBOOKD_CLIENT_PORTS = "1-65535",
                            MEDBOOKD_CLIENT_MAX_CONNECTIONS_PER_HOST = "1", MEDBOOKD_HTTP_REQUEST_TIMEOUT = "1h",
                            MEDBOOKD_SHUTDOWN_TIMEOUT = "100ms", MEDBOOKD_CLIENT_TIMEOUT = "1h" }
      local before, client = peer:count "connection", nil
      local function await_in_flight(n)
        local series <const> = 'medbookd_client_requests_in_flight{worker="1"} ' .. n
        eventually(function() return other:admin("/metrics").body:find(series, 1, true) end)
      end
      for _ = 1, 3 do client = wait_for_peer(other) end
      eventually(function() return peer:count "connection" > before end)
      await_in_flight(3)
      assert.equal(before + 1, peer:count "connection")
      client:reset()
      await_in_flight(2)
      local how, number = other:stop()
      assert.same({ "exit", 0 }, { how, number })
    end)

  it("tells the host that a URL names as it would call it", function()
    assert.equal("a.example.org", call(app, { url = "https://A.Example.org:8443/x" }, "host").host)
    for _, url in ipairs { "ftp://a/", "a", "", "http://user@a/", "http://" } do
      assert.is_nil(call(app, { url = url }, "host").host)
    end
  end)
end)

describe("a server that may call the public internet only", function()
  local app, peer

  setup(function()
    peer = peers.start()
    app = start { MEDBOOKD_CLIENT_PORTS = "80,443,1024-65535" }
  end)

  local HOSTS <const> = {
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001",
    "127.0.0.1.",
    "127.255.255.254", "0.0.0.0", "0", "0x0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a00:1::1]", "[2001:0:7f00:1::]", "[fe80::1]",
    "[fe80::1%25lo]", "[fc00::1]", "[fd00::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]", "[5f00::1]",
    "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "169.254.169.254",
    "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1", "1.2.3.4@127.0.0.1",
    "example.org@127.0.0.1", "127.0.0.1%2f@example.org", "①②⑦.⓪.⓪.①", "127。0。0。1",
  }

  local REFUSED <const> = {
    address_forbidden = true, port_forbidden = true, protocol_forbidden = true, resolve_failed = true,
    url_invalid = true,
  }

  it("reaches no address behind it, however it is written", function()
    local wrong = {}
    for _, host in ipairs(HOSTS) do
      local result = call(app, { url = ("http://%s:%d/echo"):format(host, peer.port), timeout = 300 })
      local code = result.failure and result.failure.code or "answered"
      if not REFUSED[code] then
        wrong[#wrong + 1] = host .. ": " .. code
      end
    end
    assert.same({}, wrong)
    assert.is_true(#HOSTS >= 60)
    assert.equal(0, peer:count "connection")
  end)

  it("speaks nothing but HTTP, and to few ports", function()
    for _, url in ipairs {
      "file:///etc/passwd", "gopher://127.0.0.1:%d/_x", "dict://127.0.0.1:%d/x", "ftp://127.0.0.1:%d/x",
      "ldap://127.0.0.1:%d/",
      "smtp://127.0.0.1:%d/", "telnet://127.0.0.1:%d", "tftp://127.0.0.1:%d/x", "rtsp://127.0.0.1:%d/x",
      "ws://127.0.0.1:%d/",
      "javascript:alert(1)", "//127.0.0.1:%d/", "127.0.0.1:%d", "http:///127.0.0.1:%d/", "http://127.0.0.1:%d:80/",
      "unix:/x",
    } do
      local code = call(app, { url = url:format(peer.port) }).failure.code
      assert.is_true(REFUSED[code], url .. ": " .. code)
    end
    for _, port in ipairs { 22, 25, 81, 1023 } do
      assert.equal("port_forbidden", call(app, { url = ("http://example.org:%d/"):format(port) }).failure.code)
    end
    assert.equal(0, peer:count "connection")
  end)
end)

describe("a server that trusts an authority of its own", function()
  local dir, port, old_port

  local function openssl(...) process.check({ "openssl", ... }, { cwd = dir }) end

  setup(function()
    dir, port, old_port = temp.dir(), native.free_port(), native.free_port()
    for _, name in ipairs { "ours", "other" } do
      openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name .. ".key", "-out",
        name .. ".pem", "-days", "2", "-subj", "/CN=" .. name)
    end
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=localhost")
    paths.write(dir .. "/ext", "subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ours.pem", "-CAkey", "ours.key", "-CAcreateserial", "-days", "2",
      "-extfile", "ext", "-out", "leaf.pem")
    process.start({ "openssl", "s_server", "-accept", tostring(port), "-cert", "leaf.pem", "-key", "leaf.key", "-www",
      "-quiet" }, { cwd = dir })
    process.start({ "openssl", "s_server", "-accept", tostring(old_port), "-cert", "leaf.pem", "-key", "leaf.key",
      "-www", "-quiet", "-no_tls1_3" }, { cwd = dir })
    process.check { "chmod", "-R", "a+rX", dir }
  end)

  local function answer_of(app, at)
    local answer
    eventually(function()
      answer = call(app, { url = ("https://localhost:%d/"):format(at) }).answer
      return answer
    end)
    return answer
  end

  local function app_with(authority, oldest)
    return start {
      MEDBOOKD_CLIENT_TLS_MIN = oldest,
      MEDBOOKD_CLIENT_ALLOW = "127.0.0.1,::1", MEDBOOKD_CLIENT_PORTS = "1-65535",
      MEDBOOKD_CLIENT_CA_FILE = authority and dir .. "/" .. authority .. ".pem" or "",
    }
  end

  it("calls who shows its certificate, by the name in it", function()
    local app = app_with "ours"
    for _, at in ipairs { port, old_port } do assert.equal(200, answer_of(app, at).status) end
    assert.equal("tls_failed", call(app, { url = ("https://127.0.0.1:%d/"):format(port) }).failure.code)
  end)

  it("calls nobody who speaks an older TLS than is wanted", function()
    local app = app_with("ours", "1.3")
    assert.equal(200, answer_of(app, port).status)
    assert.equal("tls_failed", call(app, { url = ("https://localhost:%d/"):format(old_port) }).failure.code)
  end)

  it("calls nobody else", function()
    for _, authority in ipairs { "other", false } do
      local app = app_with(authority)
      assert.equal("tls_failed", call(app, { url = ("https://localhost:%d/"):format(port) }).failure.code)
    end
  end)
end)
