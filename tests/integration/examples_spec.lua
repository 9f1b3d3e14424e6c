-- The examples do what their READMEs say, installed as these say.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local json = require "cjson"
local paths = require "support.paths"
local peers = require "support.peer"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"
local temp = require "support.temp"
local visit = require "support.visit"

local EXAMPLES <const> = paths.root .. "/examples/"

local function copy(from, to) process.check { "cp", "-r", EXAMPLES .. from, to } end

local function start(database, env) return server.start { database = database, workers = 1, env = env } end

local function book(app, name)
  local r = visit.book(app, name, { notes = "=1+1" })
  assert.equal(201, r.status, r.body)
  return r.json
end

describe("the example of a clinic with rules of its own", function()
  it("changes one rule for general practitioners and leaves the rest", function()
    local dir, database = temp.dir(), cluster.fresh "demo"
    copy("clinic-rules/clinic.rules", dir)
    local app = start(database, { MEDBOOKD_PLUGINS_FOLDER = dir })
    local id = psql.value(database.url, [[SELECT "id" FROM "ProviderType" WHERE "name" = 'General Practitioner']])
    local list = app:get("/v1/provider-types/" .. id .. "/requirements").json.data
    local number
    for _, it in ipairs(list) do
      number = it.key == "hpcsa-number" and it or number
    end
    assert.same({ 9, "^MP[01]\\d{5}$", 10 }, { #list, number.config.pattern, number.config.maxLength })
    assert.is_nil(number.config.helpText)
    assert.matches("^clinic.rules ", number.sources.pattern)
    local function check(value)
      return app:post("/v1/provider-types/" .. id .. "/requirements/check",
        { answers = { { requirementId = number.id, value = value } } }).body
    end
    assert.matches("must be MP, 0 or 1, and five digits", check "MP912345", 1, true)
    assert.is_nil(check("MP012345"):find("must be MP, 0 or 1", 1, true))
  end)
end)

describe("the example of a webhook", function()
  local KEY <const> = "0123456789abcdef"

  -- With the peer in place of hooks.example.org, at this path.
  local function install(path, peer)
    local dir, secrets = temp.dir(), temp.dir()
    copy("webhook/clinic.webhook", dir)
    local file = dir .. "/clinic.webhook/plugin.lua"
    local text, n = paths.read(file):gsub("hooks%.example%.org", "localhost")
    assert(n == 1)
    paths.write(file, (text:gsub('first = "5s"', 'first = "10ms"')))
    paths.write(dir .. "/clinic.webhook/config.lua",
      ("return { url = 'http://localhost:%d/%s' }"):format(peer.port, path))
    process.check { "mkdir", secrets .. "/clinic.webhook" }
    paths.write(secrets .. "/clinic.webhook/key", KEY .. "\n")
    return {
      MEDBOOKD_PLUGINS_FOLDER = dir, MEDBOOKD_PLUGINS_SECRETS = secrets, MEDBOOKD_CLIENT_ALLOW = "127.0.0.1",
      MEDBOOKD_CLIENT_PORTS = "1-65535", MEDBOOKD_JOBS_POLL_INTERVAL = "50ms",
    }
  end

  local function hmac(text)
    local r = process.run({ "openssl", "dgst", "-sha256", "-hmac", KEY, "-r" }, { input = text })
    return r.out:match "^(%x+)"
  end

  it("sends one signed request for each event", function()
    local peer = peers.start()
    local database = cluster.fresh "demo"
    local app = start(database, install("hook", peer))
    local booking = book(app, "A")
    eventually(function() return peer:count "request" == 1 end)
    local sent = peer:requests()[1]
    local head, body = sent:match "^(.-\n)\n(.*)$"
    local told = json.decode(body)
    assert.same({ "booking.created", booking.id }, { told.type, told.bookingId })
    assert.matches("^POST /hook ", head)
    assert.equal(told.id, head:match "\nIdempotency%-Key: (%S+)\n")
    local seconds, signature = head:match "\nX%-Medbookd%-Signature: t=(%d+),v1=(%x+)\n"
    assert.equal(hmac(seconds .. "." .. body), signature)
  end)

  it("sends it again until it is taken", function()
    local peer = peers.start()
    local database = cluster.fresh "demo"
    local app = start(database, install("status/503", peer))
    book(app, "A")
    eventually(function() return peer:count "request" >= 3 end, { within = 40 })
    assert.matches("answered 503", psql.value(database.url,
      [[SELECT "lastError" FROM "Job" WHERE "kind" = 'plugin.clinic.webhook.on.booking.created']]), 1, true)
  end)
end)

describe("the example of an export", function()
  it("streams all bookings as CSV, to administrators", function()
    local dir, database = home.with(), cluster.fresh "demo"
    copy("csv-export/routes", dir .. "/lua/")
    copy("csv-export/permissions", dir .. "/lua/")
    copy("csv-export/queries", dir .. "/lua/")
    local app = start(database, { MEDBOOKD_HOME = dir })
    local function sign_in(email)
      local r = app:post("/v1/auth/login", { email = email, password = "Sunbird-2026" })
      return { headers = { Authorization = "Bearer " .. r.json.token } }
    end
    assert.equal(401, app:get("/v1/exports/bookings.csv").status)
    assert.equal(404, app:get("/v1/exports/bookings.csv", sign_in "thandi@demo.example").status)
    local booking = book(app, "A")
    psql.run(database.url, [[UPDATE "Booking" SET "notes" = E'=1+1,"x"\n' WHERE "id" = ']] .. booking.id .. "'")
    local r = app:get("/v1/exports/bookings.csv", sign_in "admin@demo.example")
    assert.equal(200, r.status)
    assert.matches("^text/csv", r.headers["content-type"])
    local rows = {}
    for id in r.body:gmatch "\r\n(c[%w]+)," do rows[id] = (rows[id] or 0) + 1 end
    assert.equal(1, rows[booking.id])
    assert.matches([["'=1+1,""x""]] .. "\n\"\r\n", r.body, 1, true)
    assert.matches("^id,startTime,endTime,status,providerId,isOnline,notes\r\n", r.body)
    local none = app:get("/v1/exports/bookings.csv?from=2000-01-01T00:00:00Z&to=2000-01-02T00:00:00Z",
      sign_in "admin@demo.example")
    assert.equal("id,startTime,endTime,status,providerId,isOnline,notes\r\n", none.body)
  end)
end)
