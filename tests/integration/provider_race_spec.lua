-- Many who decide about one provider at once, over real connections: one wins, and each of the others is told why not.

local cluster = require "support.cluster"
local http = require "support.http"
local json = require "cjson"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local CLIENTS <const>, ROUNDS <const> = 48, 8

describe("a race about a provider", function()
  local app, database
  local serial = 0

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[INSERT INTO "ProviderType" ("id", "name") VALUES ('bare', 'Asks nothing')]]
    app = server.start { database = database, workers = 2, env = { MEDBOOKD_DATABASE_LOCK_TIMEOUT = "9s" } }
  end)
  after_each(function() assert.same({}, database.query(paths.read "tests/invariants.sql")) end)

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  -- A new user whose token is their id, and their provider of this status, if there is to be one: both ids.
  local function new(status)
    serial = serial + 1
    local user, provider = "racer" .. serial, "raced" .. serial
    database.run(([[INSERT INTO "User" ("id", "email", "emailVerified") VALUES ('%s', '%s@people.example', now());
      INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
      VALUES ('%s', encode(sha256('%s'), 'hex'), '2100-01-01')]]):format(user, user, user, user))
    if status then
      database.run(([[INSERT INTO "Provider" ("id", "name", "userId", "image", "status")
        VALUES ('%s', 'Dr Race', '%s', '', '%s');
        INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('%s', 'bare')]])
        :format(provider, user, status, provider))
    end
    return user, provider
  end

  -- What CLIENTS connections are answered that send these requests in turn, all at once: status or code -> how many,
  -- and the body of the last success.
  local function race(requests)
    local connections, seen, won = {}, {}, nil
    for i = 1, CLIENTS do connections[i] = app:connect { timeout = 60 } end
    for i, connection in ipairs(connections) do assert(connection:send(requests[(i - 1) % #requests + 1])) end
    for _, connection in ipairs(connections) do
      local r = assert(connection:read "POST")
      local body = json.decode(r.body)
      local what = r.status < 300 and tostring(r.status) or r.status .. " " .. body.code
      seen[what] = (seen[what] or 0) + 1
      won = r.status < 300 and body or won
      connection:close()
    end
    return seen, won
  end

  local function to(provider, action, who, body)
    return http.format("POST", ("/v1/providers/%s/%s"):format(provider, action), {
      headers = { Authorization = "Bearer " .. who, ["Content-Type"] = "application/json" },
      body = json.encode(body or { reason = "the certificate is not legible" }),
    })
  end

  local function none(provider, action, who)
    return http.format("POST", ("/v1/providers/%s/%s"):format(provider, action),
      { headers = { Authorization = "Bearer " .. who, ["Content-Length"] = "0" } })
  end

  -- One step stands in history, audit log and outbox, and it is that of the answer.
  local function expect_one(provider, won)
    assert.equal(won.status, value([[SELECT "status" FROM "Provider" WHERE "id" = '%s']], provider))
    assert.equal("1 1 1", value([[SELECT concat_ws(' ',
      (SELECT count(*) FROM "StatusHistory" WHERE "resourceId" = '%s'),
      (SELECT count(*) FROM "AuditLog" WHERE "resourceId" = '%s'),
      (SELECT count(*) FROM "Outbox" WHERE "resourceId" = '%s'))]], provider, provider, provider))
  end

  it("of approvals against rejections has one winner, and tells the others what it became", function()
    for _ = 1, ROUNDS do
      local _, provider = new "PENDING_APPROVAL"
      local seen, won = race { none(provider, "approve", "admin"), to(provider, "reject", "root") }
      assert.equal(1, seen["200"])
      local code = "already_" .. won.status:lower()
      assert.same({ ["200"] = 1, ["409 " .. code] = CLIENTS // 2 - 1, ["409 transition_not_allowed"] = CLIENTS // 2 },
        seen)
      expect_one(provider, won)
    end
  end)

  it("of a trial that is started many times begins it once", function()
    for _ = 1, ROUNDS do
      local user, provider = new "APPROVED"
      local seen, won = race { none(provider, "start-trial", user) }
      assert.same({ ["200"] = 1, ["409 already_trial"] = CLIENTS - 1 }, seen)
      assert.equal("TRIAL", won.status)
      expect_one(provider, won)
    end
  end)

  it("of a suspension, a subscription and an end leaves what all of them allow", function()
    for _ = 1, ROUNDS do
      local user, provider = new "TRIAL"
      local seen = race { to(provider, "suspend", "admin"), none(provider, "activate", "root"),
                          none(provider, "cancel", user), none(provider, "reinstate", "admin") }
      local moves = seen["200"]
      seen["200"], seen["409 transition_not_allowed"] = nil, nil
      for what in pairs(seen) do assert.matches("^409 already_", what) end
      assert.equal("CANCELLED", value([[SELECT "status" FROM "Provider" WHERE "id" = '%s']], provider))
      assert.equal(tostring(moves), value([[SELECT count(*) FROM "StatusHistory" WHERE "resourceId" = '%s']], provider))
      -- Each step begins where the one before ended.
      assert.equal("0", value([[SELECT count(*) FROM (
        SELECT "fromStatus", lag("toStatus", 1, 'TRIAL') OVER (ORDER BY "id") AS "was" FROM "StatusHistory"
         WHERE "resourceId" = '%s') h WHERE h."fromStatus" <> h."was"]], provider))
    end
  end)

  it("of one user who registers many times makes one provider", function()
    for _ = 1, ROUNDS do
      local user = new()
      local seen, won = race { http.format("POST", "/v1/providers", {
        headers = { Authorization = "Bearer " .. user, ["Content-Type"] = "application/json" },
        body = json.encode { name = "Dr Race", languages = { "English" }, email = "rooms@clinic.example",
                             whatsapp = "+27115550100", providerTypeIds = { "bare" } },
      }) }
      assert.same({ ["201"] = 1, ["409 provider_exists"] = CLIENTS - 1 }, seen)
      assert.equal(won.id, value([[SELECT string_agg("id", ' ') FROM "Provider" WHERE "userId" = '%s']], user))
    end
  end)

  -- With an answer that counts, which others take back meanwhile.
  it("of approvals against the end of what they rest on approves nobody who lacks it", function()
    database.run [[INSERT INTO "ProviderType" ("id", "name") VALUES ('strict', 'Asks something');
      INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId", "isRequired")
      VALUES ('strict-licence', 'Licence', 'BOOLEAN', 'strict', true)]]
    for _ = 1, ROUNDS do
      local _, provider = new "PENDING_APPROVAL"
      database.run(([[UPDATE "ProviderTypeAssignment" SET "providerTypeId" = 'strict' WHERE "providerId" = '%s';
        INSERT INTO "RequirementSubmission" ("id", "requirementTypeId", "providerId", "status", "documentMetadata",
          "approvedMetadata", "approvedAt", "submittedAt")
        VALUES ('answer of %s', 'strict-licence', '%s', 'APPROVED', '{"value": true}', '{"value": true}', now(),
          now())]]):format(provider, provider, provider))
      local approve = none(provider, "approve", "admin")
      local seen = race { approve, approve, approve,
                          to(provider, "submissions/strict-licence/reject", "root", { reason = "x", revoke = true }) }
      local is_approved = seen["409 already_approved"] ~= nil
      assert.equal(is_approved and 2 or 1, seen["200"])
      -- By the order of the locks: one that was approved was so before its answer went.
      assert.equal(is_approved and "approve revoke" or "revoke", value([[SELECT string_agg("action", ' ' ORDER BY "id")
        FROM "StatusHistory" WHERE "resourceId" IN ('%s', 'answer of %s')]], provider, provider))
      assert.equal(is_approved and "APPROVED" or "PENDING_APPROVAL",
        value([[SELECT "status" FROM "Provider" WHERE "id" = '%s']], provider))
      if not is_approved then assert.equal(CLIENTS * 3 // 4, seen["409 requirements_incomplete"]) end
    end
  end)

  it("repeats one answer to all who send the same step with one key", function()
    local _, provider = new "PENDING_APPROVAL"
    local seen, won = race { http.format("POST", ("/v1/providers/%s/approve"):format(provider),
      { headers = { Authorization = "Bearer admin", ["Content-Length"] = "0", ["Idempotency-Key"] = "one" } }) }
    assert.same({ ["200"] = CLIENTS }, seen)
    expect_one(provider, won)
  end)
end)
