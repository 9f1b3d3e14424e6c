-- Who is let in over HTTP, by rows: every kind of rule, and files of rules that do not load. The rules under test are
-- tests/fixtures/permissions/rules.lua; those of bookings: domain/permissions_spec.lua.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"

local FIXTURES <const> = paths.root .. "/tests/fixtures/permissions"

-- A copy of the scripts with the test's own rules among them.
local function make_home()
  local dir = home.with "permissions/routes.lua"
  process.check { "cp", FIXTURES .. "/rules.lua", dir .. "/lua/permissions/probes.lua" }
  return dir
end

describe("permissions", function()
  local app, database, held

  local function get(path, token)
    return app:request("GET", path, { headers = token and { Authorization = "Bearer " .. token } })
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    app = server.start { database = database, workers = 1, env = { MEDBOOKD_HOME = make_home() } }
    held = app:post("/v1/bookings", { slotId = "1000", guestName = "A", guestEmail = "a@example.org" }).json
  end)

  -- rule -> who is let in; everybody else of people.sql is not.
  local EVERYBODY <const> = { "user", "doctor", "patient", "admin", "root", "stranger", "staff", "clerk", "manager",
                              "elsewhere", "others", "suspended", "foreign", "doctor2" }
  for name, allowed in pairs {
    public = table.concat(EVERYBODY, " "), signed_in = table.concat(EVERYBODY, " "),
    owner = "patient", provider = "doctor", token = "", admin = "admin root", role = "user manager",
    permission = "user clerk manager", any = "user patient clerk manager", all = "",
    none = "user patient admin root stranger staff clerk manager elsewhere others suspended foreign doctor2",
  } do
    it("let in by " .. name .. ": " .. (allowed == "" and "none of these" or allowed), function()
      local found = {}
      for _, who in ipairs(EVERYBODY) do
        local status = get(("/probe/%s/booking"):format(name), who).status
        assert.is_true(status == 200 or status == 404, who .. " got " .. status)
        if status == 200 then found[#found + 1] = who end
      end
      local wanted = {}
      for _, who in ipairs(EVERYBODY) do
        if (" " .. allowed .. " "):find(" " .. who .. " ", 1, true) then wanted[#wanted + 1] = who end
      end
      assert.same(wanted, found)
    end)
  end

  it("let in whoever holds the token of that row only", function()
    assert.equal(200, get("/probe/token/" .. held.id, held.manageToken).status)
    assert.equal(404, get("/probe/token/booking", held.manageToken).status)
    assert.equal(404, get("/probe/signed_in/" .. held.id, held.manageToken).status)
  end)

  it("ask for a token before anything else, but where everybody may", function()
    assert.equal(200, get("/probe/public/booking").status)
    for _, name in ipairs { "signed_in", "owner", "token", "none" } do
      local there, nowhere = get(("/probe/%s/booking"):format(name)), get(("/probe/%s/nowhere"):format(name))
      assert.equal("authentication_required", there.json.code)
      assert.equal(401, nowhere.status)
    end
  end)

  it("deny when a rule fails, and log which", function()
    local r = get("/probe/broken/booking", "admin")
    assert.equal(404, r.status)
    local lines
    eventually(function()
      lines = app:log_lines(function(line) return line.rule == "probes.broken" end)
      return #lines > 0
    end)
    assert.equal(1, #lines)
    assert.equal("a permission rule failed and so denies", lines[1].msg)
    assert.equal(r.headers["x-request-id"], lines[1].request)
    assert.matches("^permissions/probes%.lua:%d+$", lines[1].at)
    assert.matches("the result has no column 'tokenVersion'", lines[1].error, 1, true)
  end)

  it("are of a suspended, limited or changed membership as it is now", function()
    assert.equal(200, get("/probe/permission/booking", "manager").status)
    psql.run(database.url, [[DELETE FROM "MembershipLocation" WHERE "membershipId" = 'manager'
      AND "locationId" = 'location']])
    assert.equal(404, get("/probe/permission/booking", "manager").status)
    psql.run(database.url, [[DELETE FROM "MembershipLocation" WHERE "membershipId" = 'manager']])
    assert.equal(200, get("/probe/permission/booking", "manager").status)
  end)

  it("name the roles and permissions that the database knows, in its order of permissions", function()
    local roles = paths.read "lua/permissions/roles.lua"
    local function words(text)
      local list = {}
      for word in text:gmatch '"([%u_]+)"' do list[#list + 1] = word end
      return list
    end
    local function enum(name)
      local list = {}
      for _, row in ipairs(database.query(([[SELECT unnest(enum_range(NULL::"%s"))::text AS v]]):format(name))) do
        list[#list + 1] = row.v
      end
      return list
    end
    assert.same(enum "UserRole", words(roles:match "platform_roles = (%b{})"))
    assert.same(enum "OrganizationPermission", words(roles:match "organization_permissions = (%b{})"))
    local named = {}
    for name in roles:gmatch 'name = "(%u+)"' do table.insert(named, 1, name) end -- ours go up
    assert.same(enum "OrganizationRole", named)
  end)
end)

describe("rules that are wrong", function()
  -- What `medbookd check` says of the scripts with this file of rules for bookings.
  local function refusal(text)
    local dir = home.with()
    paths.write(dir .. "/lua/permissions/bookings.lua", text)
    local result = process.run({ paths.binary(), "check" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
    assert.equal(1, result.code)
    return result.err
  end

  it("do not load, and say where", function()
    assert.matches("permissions/bookings.lua:3:20: there is no rule `may.onwer` (did you mean 'owner'?)", refusal [[
local may = require "permissions.may"
return may.rules("bookings", { owner = "clientId", token = true }, {
  view = may.any { may.onwer, may.token_holder }, cancel = may.owner,
})]], 1, true)
  end)

  it("do not load when a route wants one that is not there", function()
    assert.matches("permissions/bookings.lua has no rule 'view' (there are cancel, manage)", refusal [[
local may = require "permissions.may"
return may.rules("bookings", { owner = "clientId" }, { cancel = may.owner, manage = may.owner })]], 1, true)
  end)
end)
