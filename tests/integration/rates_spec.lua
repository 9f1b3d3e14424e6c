-- Limits of a route on how often it may be asked, and the ceilings on what guests book: over all workers, by
-- address, whatever becomes of workers and scripts.
local cluster = require "support.cluster"
local http = require "support.http"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local function from(address) return { ["X-Forwarded-For"] = address } end

-- How many of each status came to requests that were all sent before the first answer was read.
local function ask_at_once(app, requests)
  local connections, seen = {}, {}
  for i = 1, #requests do connections[i] = app:connect { timeout = 60 } end
  for i, connection in ipairs(connections) do assert(connection:send(requests[i])) end
  for _, connection in ipairs(connections) do
    local status = assert(connection:read()).status
    seen[status] = (seen[status] or 0) + 1
    connection:close()
  end
  return seen
end

describe("a limit of a route", function()
  local app

  setup(function()
    app = server.start {
      database = cluster.fresh(), workers = 4,
      env = { MEDBOOKD_HOME = home.with "limits/limits.lua", MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1" },
    }
  end)

  local function few(address, more) return app:get("/limits/few" .. (more or ""), { headers = from(address) }) end

  it("tells what is left, and refuses what is over it until the window ends", function()
    for i = 1, 10 do
      local r = few "192.0.2.1"
      assert.same({ 200, '"address";q=10;w=3600' }, { r.status, r.headers["ratelimit-policy"] })
      assert.matches(('^"address";r=%d;t=3[56]%%d%%d$'):format(10 - i), r.headers.ratelimit)
    end
    local r = few "192.0.2.1"
    assert.same({ 429, "rate_limited" }, { r.status, r.json.code })
    assert.matches('^"address";r=0;t=3[56]%d%d$', r.headers.ratelimit)
    assert.equal(r.headers.ratelimit:match "t=(%d+)", r.headers["retry-after"])
  end)

  it("is answered alike where something else is too much", function()
    local r, over = few("192.0.2.2", "?refuse=true"), few "192.0.2.1"
    assert.same({ 429, over.json.detail, over.headers["ratelimit-policy"] },
      { r.status, r.json.detail, r.headers["ratelimit-policy"] })
    assert.matches('^"address";r=0;t=3[56]%d%d$', r.headers.ratelimit)
    assert.truthy(r.headers["retry-after"])
  end)

  -- 11 of the 25 are gone.
  it("lets exactly as many through, however many ask at once and whichever worker they reach", function()
    local requests = {}
    for i = 1, 80 do
      requests[i] = http.format("GET", "/limits/few", { headers = from("198.51.100." .. i % 8) })
    end
    assert.same({ [200] = 14, [429] = 66 }, ask_at_once(app, requests))
    local unknown = few "203.0.113.9"
    assert.same({ 429, '"address";r=10;t=3600' }, { unknown.status, unknown.headers.ratelimit }) -- nothing was counted
  end)

  it("counts on when workers are killed and scripts are replaced", function()
    for _, pid in ipairs(app:workers()) do app:signal("KILL", pid) end
    app:await_ready()
    assert.equal(429, few("192.0.2.1").status)
    assert.equal(0, app:command("reload").code)
    assert.equal(429, few("192.0.2.1").status)
  end)

  it("does not load when it is wrong", function()
    local dir = home.with()
    for limit, complaint in pairs {
      ['{ per = "adress", requests = 1, window = "1h" }'] = "'per' of a limit is one of address, caller, machine",
      ['{ per = "address", requests = 0, window = "1h" }'] = "'requests' of a limit is a number from 1 to 1000000",
      ['{ per = "address", requests = "booking.rate", window = "1h" }'] = "unknown configuration key 'booking.rate'",
      ['{ per = "address", requests = "log.level", window = "1h" }'] = "log.level is no number from 0 to 1000000",
      ['{ per = "address", requests = 1, window = "1 h" }'] = "'window' of a limit is a time of at least a second",
      ['{ per = "address", requests = 1, window = "1h", burst = 2 }'] = "unknown key 'burst' of a limit",
      ['{ exept = 1, { per = "address", requests = 1, window = "1h" } }'] = "unknown key 'exept' of a list of limits",
      ['{ { per = "address", requests = 1, window = "1h" }, { per = "address", requests = 9, window = "1d" } }'] =
        "two limits of a route are called 'address' (give one a `name`)",
      ["{}"] = "'limit' of a route is { per =, requests =, window = } or a list of these",
    } do
      paths.write(dir .. "/lua/routes/wrong.lua", ([[
return { { method = "GET", path = "/wrong", summary = "x", permission = "public", limit = %s,
  handler = function() return {} end } }]]):format(limit))
      local result = process.run({ paths.binary(), "check" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
      assert.equal(1, result.code, limit)
      assert.matches(complaint, result.err, 1, true)
    end
  end)
end)

describe("bookings by guests", function()
  local app, database

  setup(function()
    database = cluster.fresh "demo"
    app = server.start {
      database = database, workers = 4,
      env = { MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1", MEDBOOKD_BOOKING_GUEST_RATE_ADDRESS = false },
    }
  end)

  -- Slots that nothing overlaps, each once.
  local slots
  local function next_slot()
    slots = slots or database.query [[
      SELECT DISTINCT ON (s."providerId", date_trunc('day', s."startTime")) s."id"
        FROM "CalculatedAvailabilitySlot" s JOIN "Provider" p ON p."id" = s."providerId"
       WHERE s."status" = 'AVAILABLE' AND s."startTime" > now() + interval '3 days'
         AND p."status" IN ('TRIAL', 'ACTIVE') AND s."isInPerson" AND NOT s."isOnlineAvailable"
       ORDER BY s."providerId", date_trunc('day', s."startTime"), s."startTime"]]
    return assert(table.remove(slots), "the demo clinic has no more slots").id
  end

  local guests = 0
  local function guest()
    guests = guests + 1
    return { slotId = next_slot(), guestName = "Guest", guestEmail = ("guest%d@example.org"):format(guests) }
  end

  local function sign_in(email)
    local r = app:post("/v1/auth/login", { email = email, password = "Sunbird-2026" })
    assert.equal(200, r.status, r.body)
    return "Bearer " .. r.json.token
  end

  local function count() return tonumber(database.query([[SELECT count(*) AS n FROM "Booking"
    WHERE "guestEmail" LIKE 'guest%@example.org']])[1].n) end

  local ONE <const> = "2001:db8:1:2::1"

  it("are 30 in an hour from one address, however many ask at once", function()
    local requests = {}
    for i = 1, 60 do
      requests[i] = http.format("POST", "/v1/bookings",
        { body = guest(), headers = from(("2001:db8:1:2::%x"):format(i)) })
    end
    assert.same({ [201] = 30, [429] = 30 }, ask_at_once(app, requests))
    assert.equal(30, count())
  end)

  it("are counted too when somebody signed in books for them, but not what that person books", function()
    local headers = from(ONE)
    headers.Authorization = sign_in "thandi@demo.example"
    assert.equal(429, app:post("/v1/bookings", guest(), { headers = headers }).status)
    local own = app:post("/v1/bookings", { slotId = next_slot() }, { headers = headers })
    assert.same({ 201 }, { own.status, own.headers.ratelimit })
  end)

  it("are not counted when a provider, staff or the platform books for them", function()
    for _, email in ipairs(database.query [[
      SELECT 'admin@demo.example' AS email
      UNION ALL (SELECT u."email" FROM "User" u JOIN "Provider" p ON p."userId" = u."id"
                  WHERE u."password" IS NOT NULL ORDER BY 1 LIMIT 1)
      UNION ALL (SELECT u."email" FROM "User" u JOIN "OrganizationMembership" m ON m."userId" = u."id"
                  WHERE m."status" = 'ACTIVE' AND u."password" IS NOT NULL ORDER BY 1 LIMIT 1)]]) do
      local headers = from(ONE)
      headers.Authorization = sign_in(email.email)
      local r = app:post("/v1/bookings", guest(), { headers = headers })
      assert.same({ 201 }, { r.status, r.headers.ratelimit }, r.body)
    end
  end)

  it("come from elsewhere meanwhile", function()
    for _, address in ipairs { "2001:db8:1:3::1", "192.0.2.7" } do
      local r = app:post("/v1/bookings", guest(), { headers = from(address) })
      assert.same({ 201, '"address";q=30;w=3600' }, { r.status, r.headers["ratelimit-policy"] }, r.body)
      assert.matches('^"address";r=29;t=', r.headers.ratelimit)
    end
  end)

  it("are not counted by address when booking.guest_rate_address is 0", function()
    local text = process.check({ paths.binary(), "explain", "POST", "/v1/bookings" },
      { env = { MEDBOOKD_HOME = paths.root, MEDBOOKD_BOOKING_GUEST_RATE_ADDRESS = "0" } }).out
    assert.matches("limit: else 429[^\n]*\n +300 in 1min on this machine %(booking.guest_rate%)\n", text)
  end)
end)
