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

  -- A new subscriber hears what happens from then on: the jobs process notes it a moment after the start.
  local function await_subscriber(database)
    eventually(function()
      return psql.value(database.url, [[SELECT 1 FROM "OutboxCursor"
        WHERE "subscriber" = 'plugin.clinic.webhook.on.booking.created']])
    end)
  end

  it("sends one signed request for each event", function()
    local peer = peers.start()
    local database = cluster.fresh "demo"
    local app = start(database, install("hook", peer))
    await_subscriber(database)
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
    await_subscriber(database)
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

describe("the example of a resource", function()
  local app, database

  local function ask(method, path, who, body, headers)
    headers = headers or {}
    headers.Authorization = "Bearer " .. who
    return app:request(method, path, { headers = headers, body = body })
  end

  local function make(name, who, more)
    local body = { organizationId = "org", name = name }
    for key, value in pairs(more or {}) do body[key] = value end
    return ask("POST", "/v1/devices", who or "user", body)
  end

  local function is_refused(answer, status, code) assert.same({ status, code }, { answer.status, answer.json.code }) end

  -- What somebody is shown of each device, as text.
  local function list(who, query)
    local names = {}
    for i, row in ipairs(ask("GET", "/v1/devices?" .. (query or ""), who).json.data) do
      names[i] = ("%s %s"):format(row.name, row.serialNumber ~= json.null and row.serialNumber or "-")
    end
    return table.concat(names, ", ")
  end

  setup(function()
    local dir = home.with()
    copy("devices/migrations", dir)
    copy("devices/permissions", dir .. "/lua/")
    copy("devices/resources", dir .. "/lua/")
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    app = server.make { database = database, workers = 1, env = { MEDBOOKD_HOME = dir } }
    local file = dir .. "/migrations/R__devices.sql"
    for _ = 1, 2 do -- another text is run again, on the table that is there
      local r = app:command("migrate", "up")
      assert.equal(0, r.code, r.err)
      paths.write(file, paths.read(file) .. "-- changed\n")
    end
    assert.equal(0, app:command("migrate", "up").code)
    assert.equal("3", psql.value(database.url, [[SELECT count(*) FROM pg_index WHERE indrelid = '"Device"'::regclass
      AND NOT indisprimary]]))
    app:start()
  end)

  before_each(function() database.run [[DELETE FROM "Device"]] end)

  it("is made by whoever may, once under a name", function()
    local made = make("Ultrasound", "user", { serialNumber = "US-4711" })
    assert.equal(201, made.status, made.body)
    assert.same({ "Ultrasound", false, "US-4711", json.null },
      { made.json.name, made.json.isPortable, made.json.serialNumber, made.json.servicedAt })
    is_refused(make "Ultrasound", 409, "name_taken")
    assert.equal(201, make("Ultrasound", "foreign", { organizationId = "org2" }).status)
    assert.equal(403, make("Chair", "staff").status)
    assert.equal(404, make("Chair", "stranger").status)
    is_refused(make("Chair", "user", { colour = "red" }), 422, "validation_failed")
    assert.equal("2", psql.value(database.url, [[SELECT count(*) FROM "Device"]]))
  end)

  it("is listed for members, with serial numbers for who keeps it, and for nobody else", function()
    make("Ultrasound", "user", { serialNumber = "US-4711" })
    make "Chair"
    make("Ultrasound", "foreign", { organizationId = "org2" })
    assert.equal("Chair -, Ultrasound US-4711", list "user")
    database.run [[UPDATE "Device" SET "createdAt" = "createdAt" - interval '1 h' WHERE "name" = 'Chair']]
    assert.equal("Ultrasound US-4711, Chair -", list("user", "sort=-createdAt"))
    assert.equal("Chair -, Ultrasound -", list "staff")
    assert.equal("", list("user", "organizationId=org2"))
    assert.equal("", list "stranger")
  end)

  it("is changed and removed by who has seen it last", function()
    local made = make "Ultrasound"
    make "Chair"
    local path, tag = made.headers.location, made.headers.etag
    assert.same({ 404, 403 }, { ask("PATCH", path, "stranger", { name = "Mine" }, { ["If-Match"] = tag }).status,
                                ask("PATCH", path, "staff", { name = "Mine" }, { ["If-Match"] = tag }).status })
    is_refused(ask("PATCH", path, "user", { isPortable = true }), 428, "if_match_required")
    local changed = ask("PATCH", path, "user", { isPortable = true, servicedAt = "2026-03-01T08:00:00+02:00" },
      { ["If-Match"] = tag })
    assert.equal(200, changed.status, changed.body)
    assert.same({ true, "2026-03-01T06:00:00.000Z" }, { changed.json.isPortable, changed.json.servicedAt })
    is_refused(ask("PATCH", path, "user", { name = "Late" }, { ["If-Match"] = tag }), 412, "version_mismatch")
    tag = changed.headers.etag
    is_refused(ask("PATCH", path, "user", { name = "Chair" }, { ["If-Match"] = tag }), 409, "name_taken")
    assert.equal(204, ask("DELETE", path, "user", nil, { ["If-Match"] = tag }).status)
    assert.equal(404, ask("GET", path, "user").status)
    assert.equal("device.created device.created device.changed device.deleted", psql.value(database.url,
      [[SELECT string_agg("type", ' ' ORDER BY "id") FROM "Outbox" WHERE "resource" = 'Device'
        AND "id" > (SELECT max("id") - 4 FROM "Outbox")]]))
  end)

  it("is in the document as any other", function()
    local listed = app:get("/openapi.json").json.paths["/v1/devices"]
    assert.is_table(listed.get)
    assert.equal("Create a device", listed.post.summary)
  end)
end)
