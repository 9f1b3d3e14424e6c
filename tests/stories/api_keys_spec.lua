-- Programs act for people by keys: within what a key was given, and never more than its owner may.

local cluster = require "support.cluster"
local http = require "support.http"
local server = require "support.server"

local PASSWORD <const> = "Sunbird-2026" -- of the demo

describe("an API key", function()
  local app, database

  setup(function()
    database = cluster.fresh "demo"
    app = server.start { database = database, workers = 2 }
  end)

  local function request(method, path, token, body)
    return app:request(method, path, { headers = { Authorization = token and "Bearer " .. token }, body = body })
  end

  local function is_refused(answer, status, code)
    assert.equal(status, answer.status, answer.body)
    assert.equal(code, answer.json.code, answer.body)
    return answer
  end

  local function login(email)
    local answer = request("POST", "/v1/auth/login", nil, { email = email, password = PASSWORD })
    assert.equal(200, answer.status, answer.body)
    return answer.json
  end

  local function create(session, permissions, more)
    local body = { name = "website", permissions = permissions, password = PASSWORD }
    for key, value in pairs(more or {}) do body[key] = value end
    return request("POST", "/v1/me/api-keys", session.token, body)
  end

  local function value(sql, ...) return database.query(sql:format(...))[1].v end

  local function free_slot()
    return database.query [[
      SELECT s."id" AS v FROM "CalculatedAvailabilitySlot" s JOIN "Provider" p ON p."id" = s."providerId"
       WHERE s."status" = 'AVAILABLE' AND s."startTime" > now() + interval '3 days' AND s."isInPerson"
         AND NOT s."isOnlineAvailable" AND p."status" IN ('TRIAL', 'ACTIVE')
       ORDER BY s."startTime" DESC, s."id" LIMIT 1]][1].v
  end

  it("is shown once, stored as a digest and listed by how it begins", function()
    local session = login "thandi@demo.example"
    local made = create(session, { "bookings.view" })
    assert.equal(201, made.status, made.body)
    assert.equal("no-store", made.headers["cache-control"])
    local key = made.json.key
    assert.matches("^mbk_[%w_-]+$", key)
    assert.equal(key:sub(1, 10), made.json.prefix)
    local listed = request("GET", "/v1/me/api-keys", session.token)
    assert.equal(1, #listed.json.data)
    assert.same({ "website", made.json.prefix, { "bookings.view" } },
      { listed.json.data[1].name, listed.json.data[1].prefix, listed.json.data[1].permissions })
    assert.is_nil(listed.body:find(key, 1, true))
    assert.equal("0", value([[SELECT count(*) AS v FROM "ApiKey" k WHERE k::text LIKE '%%%s%%']], key:sub(11)))
    assert.equal("1", value([[SELECT count(*) AS v FROM "AuditLog" WHERE "action" = 'API_KEY_CREATED'
      AND "userId" = '%s']], session.userId))
    assert.is_nil(app:log():find(key, 1, true))
  end)

  it("wants its owner's password, and permissions that there are", function()
    local session = login "kabelo@demo.example"
    is_refused(create(session, { "bookings.view" }, { password = "wrong" }), 403, "wrong_password")
    for _, name in ipairs { "bookings.veiw", "me.use", "public", "*" } do
      local refused = is_refused(create(session, { "bookings.view", name }), 422, "validation_failed")
      assert.equal("/permissions/1", refused.json.errors[1].pointer)
    end
    assert.matches("did you mean 'bookings.view'", create(session, { "bookings.veiw" }).json.errors[1].detail, 1, true)
  end)

  it("may what it was given, as its owner, and nothing else", function()
    local session = login "lize@demo.example"
    local all = create(session, { "bookings.create", "bookings.view" }).json.key
    local some = create(session, { "bookings.create" }).json.key
    local slot = free_slot()
    local booked = request("POST", "/v1/bookings", some, { slotId = slot })
    assert.equal(201, booked.status, booked.body)
    assert.equal(session.userId, booked.json.clientId)
    local path = "/v1/bookings/" .. booked.json.id
    assert.equal(200, request("GET", path, all).status)
    is_refused(request("GET", path, some), 403, "key_not_allowed")
    is_refused(request("POST", path .. "/cancel", all, { reason = "x" }), 403, "key_not_allowed")
    for _, it in ipairs {
      { "GET", "/v1/me" }, { "GET", "/v1/me/api-keys" }, { "DELETE", "/v1/me/sessions" }, { "GET", "/v1/users" },
    } do
      is_refused(request(it[1], it[2], all), 403, "key_not_allowed")
    end
    is_refused(request("POST", "/v1/me/api-keys", all, { name = "x", permissions = { "bookings.view" } }), 403,
      "key_not_allowed")
    is_refused(request("POST", "/v1/bookings", create(session, { "bookings.view" }).json.key, { slotId = free_slot() }),
      403, "key_not_allowed")
  end)

  it("may no more than its owner, whatever it was given", function()
    local patient = create(login "yusuf@demo.example", { "users.view", "services.manage" })
    assert.equal(201, patient.status, patient.body)
    local users = request("GET", "/v1/users", patient.json.key)
    assert.equal(1, #users.json.data)
    local admin = login "admin@demo.example"
    local key = create(admin, { "users.view" }).json.key
    assert.is_true(#request("GET", "/v1/users", key).json.data > 10)
    database.run [[UPDATE "User" SET "role" = 'USER' WHERE "email" = 'admin@demo.example']]
    assert.equal(1, #request("GET", "/v1/users", key).json.data)
    database.run [[UPDATE "User" SET "role" = 'SUPER_ADMIN' WHERE "email" = 'admin@demo.example']]
  end)

  it("ends when it is revoked, when its time is over, while its owner is locked and when they are gone", function()
    local session = login "nokuthula@demo.example"
    local made = create(session, { "users.view" }).json
    for _ = 1, 4 do assert.equal(200, request("GET", "/v1/users", made.key).status) end
    is_refused(request("DELETE", "/v1/me/api-keys/" .. made.id, login("deshan@demo.example").token), 404, "not_found")
    assert.equal(204, request("DELETE", "/v1/me/api-keys/" .. made.id, session.token).status)
    for _ = 1, 8 do is_refused(request("GET", "/v1/users", made.key), 401, "invalid_token") end
    is_refused(request("DELETE", "/v1/me/api-keys/" .. made.id, session.token), 404, "not_found")

    local timed = create(session, { "users.view" }, { expiresAt = "2100-01-01T00:00:00Z" }).json
    assert.equal("2100-01-01T00:00:00.000Z", timed.expiresAt)
    local over = create(session, { "users.view" }, { expiresAt = "2020-01-01T00:00:00Z" })
    assert.equal("/expiresAt", is_refused(over, 422, "validation_failed").json.errors[1].pointer)
    assert.equal(200, request("GET", "/v1/users", timed.key).status)
    database.run [[UPDATE "ApiKey" SET "expiresAt" = now() - interval '1 s' WHERE "expiresAt" IS NOT NULL]]
    is_refused(request("GET", "/v1/users", timed.key), 401, "invalid_token")

    local key = create(session, { "users.view" }).json.key
    database.run [[UPDATE "User" SET "accountLockedUntil" = 'infinity' WHERE "email" = 'nokuthula@demo.example']]
    is_refused(request("GET", "/v1/users", key), 401, "invalid_token")
    database.run [[UPDATE "User" SET "accountLockedUntil" = NULL WHERE "email" = 'nokuthula@demo.example']]
    assert.equal(200, request("GET", "/v1/users", key).status)
    assert.equal(204, request("POST", "/v1/me/delete", session.token, { password = PASSWORD }).status)
    is_refused(request("GET", "/v1/users", key), 401, "invalid_token")
  end)

  it("is noted as used, without a write for each request", function()
    local session = login "marlene@demo.example"
    local key = create(session, { "users.view" }).json.key
    local client = app:connect()
    for _ = 1, 50 do
      assert.equal(200, client:request("GET", "/v1/users", { headers = { Authorization = "Bearer " .. key } }).status)
    end
    client:close()
    local listed = request("GET", "/v1/me/api-keys", session.token).json.data[1]
    assert.is_string(listed.lastUsedAt)
    assert.equal(200, http.request("GET", "/v1/users",
      { port = app.port, headers = { Authorization = "Bearer " .. key } }).status)
    assert.equal(listed.lastUsedAt, request("GET", "/v1/me/api-keys", session.token).json.data[1].lastUsedAt)
  end)
end)
