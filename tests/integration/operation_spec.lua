-- What an operator relies on: an orderly stop, sockets handed in, the word to the service manager,
-- work that goes on while a worker hangs, settings that arrive, and figures that are true.
local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local server = require "support.server"

local LOGIN <const> = cjson.encode { email = "naledi.mokoena@demo.example", password = "Sunbird-2026" }

-- A request whose last byte is missing: in flight until `finish`.
local function begin_login(app)
  local client = app:connect()
  local bytes = http.format("POST", "/v1/auth/login", { headers = { ["Content-Type"] = "application/json" },
                                                        body = LOGIN })
  assert(client:send(bytes:sub(1, -2)))
  return client, function() return client:send(bytes:sub(-1)) end
end

-- A figure of /metrics, summed over workers; by name, or by name and one label.
local function figure(app, name)
  local sum
  for series, value in app:admin("/metrics").body:gmatch "([^\n ]+) ([%d.]+)" do
    if series == name or series:match "^([^{]+){worker=" == name then sum = (sum or 0) + tonumber(value) end
  end
  return assert(sum, "no series " .. name)
end

-- The request for the figure is in flight itself.
local function await_in_flight(app, n)
  eventually(function() return figure(app, "medbookd_requests_in_flight") == n + 1 end, { what = "requests in flight" })
end

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
