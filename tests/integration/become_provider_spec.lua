-- How somebody becomes a provider, once, with a verified address, of types that there are; and changes what it says.

local cluster = require "support.cluster"
local http = require "support.http"
local json = require "cjson"
local lock = require "support.lock"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"
local status = require "support.status"

local RACERS <const> = 4 -- each holds a connection of the pool

describe("becoming a provider", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[
      INSERT INTO "ProviderType" ("id", "name") VALUES ('another', 'Another');
      UPDATE "User" SET "emailVerified" = now() WHERE "id" IN ('stranger', 'staff', 'clerk')]]
    app = server.start { database = database }
  end)

  before_each(function()
    database.run [[DELETE FROM "Provider" WHERE "userId" IN ('stranger', 'staff', 'clerk', 'manager');
      DELETE FROM "Outbox"]]
  end)

  local function body(fields)
    local made = {
      name = "Dr Noma Dlamini", languages = { "English", "IsiZulu" }, email = "rooms@clinic.example",
      whatsapp = "+27115550100", providerTypeIds = { "type" },
    }
    for name, value in pairs(fields or {}) do made[name] = value end
    return json.encode(made)
  end

  local function headers(who, key)
    return { Authorization = "Bearer " .. who, ["Content-Type"] = "application/json", ["Idempotency-Key"] = key }
  end

  local function become(who, fields, key)
    return app:request("POST", "/v1/providers", { headers = headers(who, key), body = body(fields) })
  end

  local function mine(who)
    return app:request("GET", "/v1/me/provider", { headers = { Authorization = "Bearer " .. who } })
  end

  local function count(from) return psql.value(database.url, "SELECT count(*) FROM " .. from) end

  it("makes one that waits for its approval, and is shown to its owner alone", function()
    assert.equal(404, mine("stranger").status)
    local r = become("stranger", { providerTypeIds = { "type", "another" }, website = "https://clinic.example" })
    assert.equal(201, r.status, r.body)
    assert.equal("PENDING_APPROVAL", r.json.status)
    assert.same({ "another", "type" }, r.json.providerTypeIds)
    assert.same({ "English", "IsiZulu" }, r.json.languages)
    assert.equal(json.null, r.json.image)
    assert.is_true(r.json.showPrice)
    assert.equal('"1"', r.headers.etag)
    assert.equal("/v1/providers/" .. r.json.id, r.headers.location)
    local own = mine "stranger"
    assert.equal(r.body, own.body)
    assert.equal('"1"', own.headers.etag)
    assert.equal(404, mine("staff").status)
    assert.equal(404, app:request("GET", r.headers.location).status)
    assert.equal("1", count(([["Outbox" WHERE "type" = 'provider.created' AND "resourceId" = '%s']]):format(r.json.id)))
    assert.equal("1", count(([["AuditLog" WHERE "action" = 'PROVIDER_CREATED' AND "userId" = 'stranger'
      AND "resourceId" = '%s']]):format(r.json.id)))
    database.run(status.sql("PENDING_APPROVAL", "ACTIVE", ([["id" = '%s']]):format(r.json.id)))
    assert.equal('"4"', mine("stranger").headers.etag)
    assert.equal(json.null, app:request("GET", r.headers.location).json.image)
  end)

  it("wants a verified address", function()
    local r = become "manager"
    assert.equal("403 email_not_verified", r.status .. " " .. r.json.code)
    assert.equal("0", count [["Provider" WHERE "userId" = 'manager']])
  end)

  it("names the types that there are not, and then makes nothing", function()
    local r = become("stranger", { providerTypeIds = { "type", "nowhere", "another", "none" } })
    assert.equal(422, r.status, r.body)
    assert.equal(2, #r.json.errors)
    assert.equal("/providerTypeIds/1", r.json.errors[1].pointer)
    assert.truthy(r.json.errors[1].detail:find("'nowhere'", 1, true))
    assert.equal("/providerTypeIds/3", r.json.errors[2].pointer)
    assert.equal("0", count [["Provider" WHERE "userId" = 'stranger']])
    assert.equal("0", count [["Outbox"]])
  end)

  it("refuses placeholders, empty lists, what stands there twice and what is no URL", function()
    local cases = {
      ["/email"] = { email = "Default@example.com" }, ["/whatsapp"] = { whatsapp = "+1234567890" },
      ["/languages"] = { languages = json.decode "[]" }, ["/languages/1"] = { languages = { "English", "English" } },
      ["/providerTypeIds/1"] = { providerTypeIds = { "type", "type" } }, ["/website"] = { website = "clinic" },
      ["/status"] = { status = "ACTIVE" }, ["/image"] = { image = "https://clinic.example/a.jpg" },
      ["/userId"] = { userId = "staff" },
    }
    for pointer, fields in pairs(cases) do
      local text = body(fields):gsub('"languages":{}', '"languages":[]')
      local r = app:request("POST", "/v1/providers", { headers = headers "stranger", body = text })
      assert.equal("422 " .. pointer, r.status .. " " .. r.json.errors[1].pointer, r.body)
    end
    assert.equal("0", count [["Provider" WHERE "userId" = 'stranger']])
  end)

  describe("and changing it", function()
    local made

    before_each(function() made = become("stranger", { bio = "Once." }).json end)

    local function change(who, version, fields)
      local all = headers(who)
      all["If-Match"] = version and ('"%d"'):format(version)
      return app:request("PATCH", "/v1/providers/" .. made.id, { headers = all, body = json.encode(fields) })
    end

    it("is for its owner and for who administers the platform, each version once", function()
      local r = change("stranger", 1, { name = "Dr Dlamini", bio = json.null, timeZone = "Europe/Berlin",
                                        languages = { "German" }, showPrice = false, reminderHours = 48,
                                        reminderChannels = { "whatsapp", "email" } })
      assert.equal(200, r.status, r.body)
      assert.equal("Dr Dlamini Europe/Berlin 2", ("%s %s %d"):format(r.json.name, r.json.timeZone, r.json.version))
      assert.equal(json.null, r.json.bio)
      assert.same({ "German" }, r.json.languages)
      assert.is_false(r.json.showPrice)
      assert.same({ true, 48, { "whatsapp", "email" } },
        { r.json.reminderEnabled, r.json.reminderHours, r.json.reminderChannels })
      assert.equal("rooms@clinic.example", r.json.email)
      assert.equal(r.body, mine("stranger").body)
      assert.equal(412, change("stranger", 1, { name = "Another" }).status)
      assert.equal(428, change("stranger", nil, { name = "Another" }).status)
      assert.equal(200, change("admin", 2, { website = "https://clinic.example" }).status)
      assert.equal(404, change("staff", 3, { name = "Another" }).status)
      assert.equal("2", count [["Outbox" WHERE "type" = 'provider.changed']])
      assert.equal("1", count(([["AuditLog" WHERE "action" = 'PROVIDER_CHANGED' AND "userId" = 'admin'
        AND "resourceId" = '%s' AND "metadata" = '{"fields": ["website"], "version": 3}']]):format(made.id)))
    end)

    it("takes no placeholder, no zone that there is not, and nothing that is not theirs to say", function()
      for pointer, fields in pairs {
        ["/email"] = { email = "default@example.com" }, ["/whatsapp"] = { whatsapp = "+1234567890" },
        ["/timeZone"] = { timeZone = "Mars/Olympus" }, ["/name"] = { name = json.null },
        ["/status"] = { status = "ACTIVE" }, ["/reminderHours"] = { reminderHours = 73 },
        ["/reminderChannels/0"] = { reminderChannels = { "fax" } },
        ["/reminderChannels/1"] = { reminderChannels = { "sms", "sms" } },
        ["/languages/1"] = { languages = { "German", "German" } },
        ["/website"] = { website = 'https://clinic.example" onload="' },
        ["/averageRating"] = { averageRating = 5 }, ["/providerTypeIds"] = { providerTypeIds = { "type" } },
      } do
        local r = change("stranger", 1, fields)
        assert.equal("422 " .. pointer, r.status .. " " .. r.json.errors[1].pointer, r.body)
      end
      assert.equal(1, mine("stranger").json.version)
    end)
  end)

  -- What RACERS requests that meet where they write were answered: status or code -> how many, and the bodies of 201.
  local function race(who, key)
    local request = http.format("POST", "/v1/providers", { headers = headers(who, key), body = body() })
    local connections, seen, bodies = {}, {}, {}
    for i = 1, RACERS do connections[i] = app:connect { timeout = 30 } end
    lock.hold(database, [[LOCK TABLE "Provider" IN SHARE MODE]])
    for _, connection in ipairs(connections) do assert(connection:send(request)) end
    lock.await(database, RACERS)
    lock.release(database)
    for _, connection in ipairs(connections) do
      local r = assert(connection:read "POST")
      local what = r.status == 201 and "made" or json.decode(r.body).code
      seen[what] = (seen[what] or 0) + 1
      bodies[r.status == 201 and r.body or #bodies] = true
      connection:close()
    end
    assert.equal("1", count(([["Provider" WHERE "userId" = '%s']]):format(who)))
    assert.equal("1", count [["Outbox" WHERE "type" = 'provider.created']])
    return seen, bodies
  end

  it("happens once, in a race too", function()
    assert.same({ made = 1, provider_exists = RACERS - 1 }, (race "stranger"))
    local again = become "stranger"
    assert.equal("409 provider_exists", again.status .. " " .. again.json.code)
  end)

  it("keeps its types from being retired until it is done", function()
    local version = app:request("GET", "/v1/provider-types/type").json.version
    local retire = headers "admin"
    retire["If-Match"] = ('"%d"'):format(version)
    local asked, connections = {
      http.format("POST", "/v1/providers", { headers = headers "stranger", body = body() }),
      http.format("PATCH", "/v1/provider-types/type", { headers = retire, body = '{"isActive":false}' }),
    }, {}
    lock.hold(database, [[LOCK TABLE "Provider" IN SHARE MODE]])
    for i, text in ipairs(asked) do
      connections[i] = app:connect { timeout = 30 }
      assert(connections[i]:send(text))
      lock.await(database, i)
    end
    lock.release(database)
    assert.equal(201, connections[1]:read("POST").status)
    assert.equal(200, connections[2]:read("PATCH").status)
    for _, connection in ipairs(connections) do connection:close() end
    assert.equal(422, become("staff").status)
    database.run [[UPDATE "ProviderType" SET "isActive" = true]]
  end)

  it("answers the same request again with what it made", function()
    local seen, bodies = race("staff", "once")
    assert.same({ made = RACERS }, seen)
    assert.same({ [mine("staff").body] = true }, bodies)
    local other = become("staff", { name = "Another" }, "once")
    assert.equal("422 idempotency_mismatch", other.status .. " " .. other.json.code)
  end)
end)
