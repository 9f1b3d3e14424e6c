-- What a provider takes for a service changes while others book it, offer it too, or the provider is no longer of its
-- type: whoever comes first to the agenda settles it, and the other sees what that made.

local cluster = require "support.cluster"
local http = require "support.http"
local json = require "cjson"
local lock = require "support.lock"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local PATH <const> = "/v1/providers/provider/service-configs"

describe("a config of a service", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
      VALUES ('new', 'New', 30, 1, 'type')]]
    app = server.start { database = database, workers = 1 }
  end)

  local function request(verb, path, body, version)
    local headers = { Authorization = "Bearer doctor" }
    headers["If-Match"] = version and ('"%s"'):format(version)
    return http.format(verb, path, { headers = headers, body = body })
  end

  local function value(sql) return psql.value(database.url, sql) end

  local function change(patch)
    return request("PATCH", PATH .. "/config", patch,
      value [[SELECT "version" FROM "ServiceAvailabilityConfig" WHERE "id" = 'config']])
  end

  local function book(slot) return request("POST", "/v1/bookings", { slotId = slot, isOnline = false }) end

  -- Sends these one after the other, each as soon as those before it wait for the provider's agenda; the answers.
  local function queue(...)
    local connections, answers = {}, {}
    lock.hold(database, [[SELECT 1 FROM "ProviderAgenda" WHERE "providerId" = 'provider' FOR UPDATE]])
    for i, bytes in ipairs { ... } do
      connections[i] = app:connect { timeout = 30 }
      assert(connections[i]:send(bytes))
      lock.await(database, i)
    end
    lock.release(database)
    for i, connection in ipairs(connections) do
      answers[i] = assert(connection:read "POST")
      connection:close()
    end
    return answers
  end

  local function told(answer) return answer.status .. " " .. (json.decode(answer.body).code or "") end

  local function price_of(slot)
    return value(([[SELECT s."price" || ' ' || b."price" FROM "CalculatedAvailabilitySlot" s
      JOIN "Booking" b ON b."slotId" = s."id" WHERE s."id" = '%s']]):format(slot))
  end

  it("is booked at the price that it had, or at the new one, as the slot says it", function()
    local answers = queue(book "1000", change { price = "500" })
    assert.same({ "201 ", "200 " }, { told(answers[1]), told(answers[2]) })
    assert.equal("450.00 450.00", price_of "1000")
    answers = queue(change { price = "550" }, book "1030")
    assert.same({ "200 ", "201 " }, { told(answers[1]), told(answers[2]) })
    assert.equal("550.00 550.00", price_of "1030")
  end)

  it("is booked before it is retired, and not after", function()
    local answers = queue(book "0830", change { isActive = false })
    assert.same({ "201 ", "200 " }, { told(answers[1]), told(answers[2]) })
    answers = queue(change { isActive = true }, change { isActive = false })
    assert.same({ "200 ", "412 version_mismatch" }, { told(answers[1]), told(answers[2]) })
    answers = queue(change { isActive = false }, book "0900")
    assert.same({ "200 ", "409 not_bookable" }, { told(answers[1]), told(answers[2]) })
    assert.equal("BOOKED", value [[SELECT "status" FROM "CalculatedAvailabilitySlot" WHERE "id" = '0830']])
    assert.equal("INVALID", value [[SELECT "status" FROM "CalculatedAvailabilitySlot" WHERE "id" = '0900']])
  end)

  it("is of a type that the provider keeps, or is not made", function()
    database.run [[INSERT INTO "ProviderType" ("id", "name") VALUES ('spare', 'Spare');
      INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('provider', 'spare');
      INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
      VALUES ('extra', 'Extra', 30, 1, 'spare')]]
    local function be(...)
      return request("PUT", "/v1/providers/provider/types", { providerTypeIds = { ... } },
        value [[SELECT "version" FROM "Provider" WHERE "id" = 'provider']])
    end
    local offer = request("POST", PATH, { serviceId = "extra", isInPerson = true })
    local answers = queue(offer, be "type")
    assert.same({ "201 ", "409 in_use" }, { told(answers[1]), told(answers[2]) })
    database.run [[DELETE FROM "ServiceAvailabilityConfig" WHERE "serviceId" = 'extra']]
    answers = queue(be "type", be("type", "spare"), offer)
    assert.same({ "200 ", "412 version_mismatch", "422 validation_failed" },
      { told(answers[1]), told(answers[2]), told(answers[3]) })
  end)

  it("is made once by those who make it at the same time", function()
    local bytes = request("POST", PATH, { serviceId = "new", isInPerson = true })
    local seen = {}
    for _, answer in ipairs(queue(bytes, bytes, bytes)) do
      seen[told(answer)] = (seen[told(answer)] or 0) + 1
    end
    assert.same({ ["201 "] = 1, ["409 config_exists"] = 2 }, seen)
  end)
end)
