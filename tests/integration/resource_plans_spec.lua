-- What a page of a resource reads, on 100,000 rows of 100 organizations: for a member of some organizations hardly more
-- than for an administrator, who sees all rows.

package.path = "lua/?.lua;" .. package.path

local cjson = require "cjson"
local cluster = require "support.cluster"
local paths = require "support.paths"
local psql = require "support.psql"

-- The engine's modules without a server: statements are texts.
local function load_engine()
  local stubs = {
    ["mb.query"] = { read = function(_, sql) return sql end, write = function(_, sql) return sql end },
    ["mb.json"] = { encode = cjson.encode, null = cjson.null, array = function(list) return list or {} end },
    ["mb.db"] = {}, ["mb.log"] = {}, ["mb.manage_token"] = {}, ["mb.problem"] = {},
  }
  for name, stub in pairs(stubs) do package.loaded[name] = stub end
  local engine = { condition = require "mb.condition", record = require "mb.record", field = require "mb.field",
                   rule = require "mb.rule", vocabulary = require "mb.vocabulary" }
  for name in pairs(stubs) do package.loaded[name] = nil end
  return engine
end

local engine <const> = load_engine()

local may <const> = engine.rule.writer(engine.vocabulary.new {
  platform_roles = { "USER", "ADMIN" }, organization_permissions = { "X" },
  organization_roles = { { name = "STAFF", permissions = {} }, { name = "MANAGER", permissions = {} } },
})
local COLUMNS <const> = { organization = "organizationId", location = "locationId", owner = "_ownerId" }
local rules <const> = may.rules("rooms", COLUMNS, {
  view = may.any { may.organization_role "MANAGER", may.platform_role "ADMIN", may.owner },
})

local function rooms()
  local field, fields = engine.field, {}
  for name, it in pairs {
    id = field.id(), name = field.line {}, floor = field.integer { nullable = true }, organizationId = field.id {},
  } do
    it.name = name
    fields[#fields + 1] = it
  end
  return engine.record.new {
    name = "rooms", table = "Room", tells = "room", fields = fields, view = engine.condition.of(rules.view),
    hidden = {}, sort = { "name", "-name", "floor" }, filter = {}, may = {},
  }
end

describe("a page of 100,000 rows", function()
  local database, record

  setup(function()
    record = rooms()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/resources/rooms.sql")
    database.run [[
      INSERT INTO "Room" ("id", "name", "floor", "organizationId", "locationId")
      SELECT 'r' || i, 'Room ' || md5(i::text), CASE WHEN i % 3 > 0 THEN i % 97 END, 'org' || i % 100, 'l' || i % 7
        FROM generate_series(1, 100000) i;
      CREATE INDEX ON "Room" ("organizationId", "floor", "id");
      CREATE INDEX ON "Room" ("organizationId", "id") WHERE "floor" IS NULL;
      CREATE INDEX ON "Room" ("ownerId", "name", "id")]]
    database.run [[VACUUM ANALYZE "Room"]]
  end)

  -- A manager of these organizations; limited to a location in each if that is told.
  local function manager(organizations, location)
    local memberships = {}
    for _, id in ipairs(organizations) do
      memberships[id] = { role = "MANAGER", permissions = {}, locations = location and { [location] = true } }
    end
    return { user_id = "somebody", user_role = "USER", memberships = memberships }
  end

  local ADMIN <const> = { user_id = "admin", user_role = "ADMIN" }

  -- The statement of a page and its values, with a plan for any values: { rows, buffers, plan }.
  local function page(req, sort, after, after_id)
    local scope, facts, width = record.view:scope(req)
    if scope == "some" then scope = width <= 1 and "some 1" or width <= 3 and "some 3" or "some" end
    local it = record.sorts[sort][(after and "after " or "first ") .. scope]
    local given, values = { limit = 51, scope = facts, after = after, after_id = after_id }, {}
    for i, name in ipairs(it.names) do
      values[i] = type(given[name]) == "string" and "'" .. given[name] .. "'" or tostring(given[name])
    end
    local rows = database.query(("PREPARE page AS %s; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page(%s)")
      :format(it.statement, table.concat(values, ", ")))
    local plan = cjson.decode(rows[1]["QUERY PLAN"])[1].Plan
    return {
      rows = plan["Actual Rows"], buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
      plan = rows[1]["QUERY PLAN"],
    }
  end

  local LISTS <const> = {
    { sort = "name" }, { sort = "-name" }, { sort = "name", after = "Room 8", id = "r1" },
  }

  for count, organizations in pairs { [1] = { "org7" }, [3] = { "org7", "org13", "org99" } } do
    it(("costs a member of %d at most 1.3 times the buffers of an administrator"):format(count), function()
      for _, list in ipairs(LISTS) do
        local all = page(ADMIN, list.sort, list.after, list.id)
        local some = page(manager(organizations), list.sort, list.after, list.id)
        local what = ("%s: %d buffers against %d\n%s"):format(list.sort, some.buffers, all.buffers, some.plan)
        assert.same({ 51, 51 }, { all.rows, some.rows }, what)
        assert.is_true(some.buffers <= 1.3 * all.buffers, what)
        assert.is_true(all.buffers <= 20 * 50, what)
      end
    end)
  end

  it("costs whoever is limited to places, or is a member of many organizations, at most 20 buffers a row", function()
    local many = {}
    for i = 1, 15 do many[i] = "org" .. i end
    for _, case in ipairs {
      { manager({ "org7" }, "l3"), "name" }, { manager({ "org7", "org13" }, "l3"), "name" }, { manager(many), "name" },
      { manager { "org7" }, "floor" }, { manager { "org7", "org13", "org99" }, "floor" },
    } do
      local some = page(table.unpack(case))
      assert.equal(51, some.rows)
      assert.is_true(some.buffers <= 20 * 51, some.plan)
    end
  end)
end)
