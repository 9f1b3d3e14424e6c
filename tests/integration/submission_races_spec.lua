-- Many who answer and review at once: they meet at the provider's row, held until all of them wait.

local cluster = require "support.cluster"
local http = require "support.http"
local json = require "cjson"
local lock = require "support.lock"
local server = require "support.server"

local CLIENTS <const>, ROUNDS <const> = 16, 3

local ROWS <const> = [[
INSERT INTO "User" ("id", "role") VALUES ('owner', 'USER'), ('admin', 'ADMIN');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User";
INSERT INTO "ProviderType" ("id", "name") VALUES ('type', 'Midwife');
INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId") VALUES ('number', 'N', 'TEXT', 'type');
]]

describe("a race of answers and reviews", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    database.run(ROWS)
    app = server.start { database = database, workers = 1, env = { MEDBOOKD_DATABASE_POOL_MAX = "20" } }
  end)

  before_each(function()
    database.run [[DELETE FROM "RequirementSubmission"; DELETE FROM "Provider"; DELETE FROM "Outbox";
      INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES (mb_cuid(), 'x', 'owner', '');
      INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") SELECT "id", 'type' FROM "Provider"]]
  end)

  local function value(sql) return database.query("SELECT (" .. sql .. ")::text AS v")[1].v end

  local function provider() return value [[SELECT "id" FROM "Provider"]] end

  local function request(who, method, path, body, headers)
    headers = headers or {}
    headers.Authorization = "Bearer " .. who
    return http.format(method, "/v1/providers/" .. provider() .. path, { body = body, headers = headers })
  end

  local function answer(text) return request("owner", "PUT", "/submissions/number", { value = text }) end

  local function review(action, headers, more)
    local body = action == "reject" and { reason = "x", revoke = more } or {}
    return request("admin", "POST", "/submissions/number/" .. action, body, headers)
  end

  local function ask(text)
    local connection = app:connect()
    assert(connection:send(text))
    local r = assert(connection:read(text:match "^%u+"))
    connection:close()
    return r
  end

  -- Sends all of these, which go on only when all wait. -> answers, and how many of each status or code.
  local function race(requests)
    local connections, answers, seen = {}, {}, {}
    for i = 1, #requests do connections[i] = app:connect { timeout = 60 } end
    lock.hold(database, [[SELECT FROM "Provider" FOR UPDATE]])
    for i, connection in ipairs(connections) do assert(connection:send(requests[i])) end
    lock.await(database, #requests)
    lock.release(database)
    for i, connection in ipairs(connections) do
      local r = assert(connection:read(requests[i]:match "^%u+"))
      answers[i] = { status = r.status, body = r.body, json = json.decode(r.body) }
      local what = r.status == 200 and 200 or answers[i].json.code
      seen[what] = (seen[what] or 0) + 1
      connection:close()
    end
    return answers, seen
  end

  -- What has to hold whoever came first.
  local function assert_sound()
    assert.equal("0", value [[SELECT count(*) FROM "RequirementSubmission" s WHERE s."status" = 'APPROVED'
      AND s."approvedMetadata" IS DISTINCT FROM s."documentMetadata"]])
    assert.equal("true", value [[SELECT bool_and((p."compliantUntil" = 'infinity') IS NOT DISTINCT FROM
        CASE WHEN s."approvedAt" IS NOT NULL THEN true END)
      FROM "Provider" p JOIN "RequirementSubmission" s ON s."providerId" = p."id"]])
  end

  it("has one winner of those who approve and those who reject", function()
    for _ = 1, ROUNDS do
      assert.equal(200, ask(answer(("N%d"):format(math.random(1 << 30)))).status)
      local requests, before = {}, value [[SELECT count(*) FROM "StatusHistory"]]
      for i = 1, CLIENTS do requests[i] = review(i % 2 == 0 and "approve" or "reject") end
      local _, seen = race(requests)
      assert.equal(1, seen[200])
      local status = value [[SELECT "status" FROM "RequirementSubmission"]]
      local again = status == "APPROVED" and "already_approved" or "already_rejected"
      assert.equal(CLIENTS / 2 - 1, seen[again])
      assert.equal(CLIENTS / 2, seen.transition_not_allowed)
      assert.equal(before + 1, tonumber(value [[SELECT count(*) FROM "StatusHistory"]]))
      assert_sound()
    end
  end)

  it("approves what was seen, or nothing, while the answer changes", function()
    for round = 1, ROUNDS do
      local seen_value = "S" .. round
      local shown = json.decode(ask(answer(seen_value)).body)
      local headers = { ["If-Match"] = ('"%d"'):format(shown.version) }
      local place, requests = math.random(CLIENTS), {}
      for i = 1, CLIENTS do
        requests[i] = i == place and review("approve", headers) or answer(("A%d.%d"):format(round, i))
      end
      local answers = race(requests)
      for i, r in ipairs(answers) do
        if i ~= place then assert.equal(200, r.status, r.body) end
      end
      local approved = value [[SELECT "approvedMetadata" ->> 'value' FROM "RequirementSubmission"]]
      if answers[place].status == 200 then
        assert.equal(seen_value, approved)
      else
        assert.equal("412 version_mismatch", answers[place].status .. " " .. answers[place].json.code)
        assert.not_equal(seen_value, value [[SELECT "documentMetadata" ->> 'value' FROM "RequirementSubmission"]])
      end
      assert.equal("PENDING", value [[SELECT "status" FROM "RequirementSubmission"]])
      assert_sound()
    end
  end)

  it("keeps one answer of many first ones, and counts the others as changes of it", function()
    local requests = {}
    for i = 1, CLIENTS do requests[i] = answer("N" .. i) end
    local _, seen = race(requests)
    assert.same({ [200] = CLIENTS }, seen)
    assert.equal("1", value [[SELECT count(*) FROM "RequirementSubmission"]])
    assert.equal("1", value [[SELECT count(*) FROM "Outbox" WHERE "type" = 'submission.created']])
    assert.equal(tostring(CLIENTS - 1), value [[SELECT count(*) FROM "Outbox" WHERE "type" = 'submission.changed']])
    assert_sound()
  end)

  it("takes a review once that is sent many times with one key", function()
    assert.equal(200, ask(answer "N1").status)
    local requests = {}
    for i = 1, CLIENTS do requests[i] = review("approve", { ["Idempotency-Key"] = "once" .. provider() }) end
    local answers, seen = race(requests)
    assert.same({ [200] = CLIENTS }, seen)
    for _, r in ipairs(answers) do assert.equal(answers[1].body, r.body) end
    assert.equal("1", value [[SELECT count(*) FROM "Outbox" WHERE "type" = 'submission.approved']])
  end)

  it("approves no provider of whom an answer is revoked first, and none that complies is refused", function()
    for round = 1, ROUNDS do
      database.run [[DELETE FROM "RequirementSubmission";
        UPDATE "Provider" SET "status" = 'REJECTED' WHERE "status" = 'PENDING_APPROVAL';
        UPDATE "Provider" SET "status" = 'CANCELLED' WHERE "status" = 'APPROVED';
        UPDATE "Provider" SET "status" = 'PENDING_APPROVAL', "approvedAt" = NULL]]
      assert.equal(200, ask(answer("N" .. round)).status)
      assert.equal(200, ask(review "approve").status)
      local approve = request("admin", "POST", "/approve", {})
      local revoke = review("reject", nil, true)
      local answers = race(round % 2 == 0 and { approve, revoke } or { revoke, approve })
      local first, second = answers[1], answers[2]
      local of_approve = round % 2 == 0 and first or second
      local of_revoke = round % 2 == 0 and second or first
      assert.equal(200, of_revoke.status, of_revoke.body)
      if of_approve.status == 200 then
        assert.equal("APPROVED", value [[SELECT "status" FROM "Provider"]])
      else
        assert.equal("409 requirements_incomplete", of_approve.status .. " " .. of_approve.json.code)
        assert.equal("PENDING_APPROVAL", value [[SELECT "status" FROM "Provider"]])
        assert.equal("REJECTED", of_approve.json.missing[1].status)
      end
      assert_sound()
    end
  end)
end)
