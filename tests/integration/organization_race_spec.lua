-- Many who decide about one organization at once, over real connections: one wins, and the others are told why not.

local cluster = require "support.cluster"
local http = require "support.http"
local json = require "cjson"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local CLIENTS <const>, ROUNDS <const> = 32, 4

describe("a race about an organization", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    app = server.start { database = database, workers = 2, env = { MEDBOOKD_DATABASE_LOCK_TIMEOUT = "9s" } }
  end)
  after_each(function() assert.same({}, database.query(paths.read "tests/invariants.sql")) end)

  local function request(id, action, who)
    return http.format("POST", ("/v1/organizations/%s/%s"):format(id, action), {
      headers = { Authorization = "Bearer " .. who, ["Content-Type"] = "application/json" },
      body = action == "reject" and json.encode { reason = "nobody is there" } or "{}",
    })
  end

  -- What CLIENTS connections are answered that send these in turn, all at once: status or code -> how many.
  local function race(...)
    local requests, connections, seen = { ... }, {}, {}
    for i = 1, CLIENTS do connections[i] = app:connect { timeout = 60 } end
    for i, connection in ipairs(connections) do assert(connection:send(requests[(i - 1) % #requests + 1])) end
    for _, connection in ipairs(connections) do
      local r = assert(connection:read "POST")
      local what = r.status < 300 and tostring(r.status) or r.status .. " " .. json.decode(r.body).code
      seen[what] = (seen[what] or 0) + 1
      connection:close()
    end
    return seen
  end

  it("of approvals against rejections has one winner, and tells the others what it became", function()
    for round = 1, ROUNDS do
      local id = "raced" .. round
      database.run(([[INSERT INTO "Organization" ("id", "name", "phone") VALUES ('%s', 'x', '+27115550001');
        INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role") VALUES ('%s', 'user', 'OWNER');
        INSERT INTO "Location" ("organizationId", "name", "googlePlaceId", "formattedAddress", "coordinates")
        VALUES ('%s', 'x', '%s', 'x', '{"lat": 0, "lng": 0}')]]):format(id, id, id, id))
      local seen = race(request(id, "approve", "admin"), request(id, "reject", "root"))
      local status = psql.value(database.url, ([[SELECT "status" FROM "Organization" WHERE "id" = '%s']]):format(id))
      assert.is_true(status == "APPROVED" or status == "REJECTED")
      assert.same({ ["200"] = 1, ["409 already_" .. status:lower()] = CLIENTS // 2 - 1,
                    ["409 transition_not_allowed"] = CLIENTS // 2 }, seen)
      assert.equal("1 1 1", psql.value(database.url, ([[SELECT concat_ws(' ',
        (SELECT count(*) FROM "StatusHistory" WHERE "resourceId" = '%s'),
        (SELECT count(*) FROM "AuditLog" WHERE "resourceId" = '%s'),
        (SELECT count(*) FROM "Outbox" WHERE "resourceId" = '%s'))]]):format(id, id, id)))
    end
  end)
end)
