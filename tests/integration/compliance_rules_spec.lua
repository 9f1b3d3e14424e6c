-- What scripts of an installation and its plugins say about who complies: answers that make others required, answers
-- that lapse by a function, and a plugin that makes something required while providers are in service.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local json = require "cjson"
local letters = require "support.letters"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local CLINIC <const> = [[
local requirement = require "validation.requirement"
local of = requirement.of
return requirement.overrides("midwife", {
  policy = of.text { required_if = function(answers) return answers.insured == true end },
  course = of.boolean { required_if = function(answers) return answers.nothing.there end },
  insured = of.boolean {
    expires = function(answers, day) return answers.insured and ("%d-06-30"):format(day:sub(1, 4) + 1) or nil end,
    warningThreshold = 1000,
  },
})
]]

local PLUGIN <const> = [[
return {
  api = 1, name = "clinic.health", version = "1.0.0", summary = "Asks for vaccinations",
  capabilities = { "requirements" },
  requirements = {
    { provider_type = "midwife", items = { shots = { type = "BOOLEAN", config = { required = true } } } },
  },
}
]]

local ROWS <const> = [[
INSERT INTO "User" ("id", "role") VALUES ('owner', 'USER'), ('admin', 'ADMIN');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User";
INSERT INTO "ProviderType" ("id", "name") VALUES ('type', 'Midwife');
INSERT INTO "RequirementType" ("id", "name", "validationType", "isRequired", "displayPriority", "providerTypeId") VALUES
  ('insured', 'Insured', 'BOOLEAN', true, 1, 'type'), ('policy', 'Policy', 'TEXT', true, 2, 'type'),
  ('course', 'Course', 'BOOLEAN', false, 3, 'type'), ('shots', 'Shots', 'BOOLEAN', false, 4, 'type');
INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('provider', 'Dr Nkosi', 'owner', '');
INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('provider', 'type');
]]

describe("what a provider is held to", function()
  local app, database, plugins

  local function ask(who, method, path, body)
    return app:request(method, "/v1/providers/provider/submissions" .. (path or ""),
      { headers = { Authorization = "Bearer " .. who }, body = body })
  end

  local function answer(requirement, value)
    local r = ask("owner", "PUT", "/" .. requirement, { value = value })
    assert.equal(200, r.status, r.body)
    r = ask("admin", "POST", "/" .. requirement .. "/approve", {})
    assert.equal(200, r.status, r.body)
  end

  local function until_when()
    return database.query [[SELECT coalesce("compliantUntil"::text, 'never') AS v FROM "Provider"]][1].v
  end

  local function one(requirement)
    for _, it in ipairs(ask("owner", "GET").json.data) do
      if it.requirementTypeId == requirement then return it end
    end
  end

  local function end_of_june()
    return database.query [[SELECT extract(year FROM now() AT TIME ZONE 'Africa/Johannesburg')::integer + 1
      || '-06-30 22:00:00+00' AS v]][1].v
  end

  setup(function()
    database = cluster.fresh "schema"
    local dir = home.with()
    paths.write(dir .. "/lua/validation/requirements/clinic.lua", CLINIC)
    plugins = temp.dir()
    app = server.start {
      database = database, workers = 1, env = {
        MEDBOOKD_HOME = dir, MEDBOOKD_PLUGINS_FOLDER = plugins, MEDBOOKD_JOBS_POLL_INTERVAL = "50ms",
      },
    }
  end)

  before_each(function()
    database.run([[TRUNCATE "User", "ProviderType" CASCADE; DELETE FROM "Provider";]] .. ROWS)
  end)

  it("depends on its other answers", function()
    assert.is_true(one("insured").isRequired)
    assert.is_false(one("policy").isRequired)
    ask("owner", "PUT", "/insured", { value = true })
    assert.is_true(one("policy").isRequired)
    assert.matches("clinic.lua:4", one("policy").sources.required_if)
    answer("insured", true)
    assert.equal("never", until_when())
    answer("policy", "P-1")
    assert.equal(end_of_june(), until_when())
    -- It changes with what is approved, not with what is said.
    ask("owner", "PUT", "/insured", { value = false })
    assert.is_true(one("policy").isRequired)
    ask("admin", "POST", "/insured/approve", {})
    assert.is_false(one("policy").isRequired)
    assert.equal("infinity", until_when())
  end)

  it("lapses on the day that a function tells", function()
    answer("insured", true)
    assert.equal(end_of_june(), (one("insured").expiresAt:gsub("T", " "):gsub("%.000Z", "+00")))
    assert.matches("^ends in %d+ days$", one("insured").warning)
    answer("insured", false)
    assert.equal(json.null, one("insured").expiresAt)
  end)

  it("is told by mail before it lapses", function()
    answer("insured", true)
    database.run [[UPDATE "User" SET "email" = 'owner@people.example' WHERE "id" = 'owner';
      INSERT INTO "Job" ("kind", "maxAttempts") VALUES ('compliance.warn', 1)]]
    local letter = letters.await(app, "answers-lapse", "owner@people.example")
    assert.equal("What you were approved with lapses soon", letter.subject)
    assert.matches("\nDear Dr Nkosi,\n", letter.text, 1, true)
    assert.matches("\n" .. end_of_june():sub(1, 10):gsub("%-", "%%-") .. "  Insured\n", letter.text)
  end)

  it("is what the row says where a function fails, which the log tells", function()
    assert.is_false(one("course").isRequired)
    app:await_log "a rule of a requirement failed"
  end)

  it("is told before anybody answers", function()
    local path = "/v1/provider-types/midwife/requirements"
    local list = app:get(path).json.data
    assert.same({ true, false, false, false }, {
      list[1].isRequired, list[2].isRequired, list[3].isRequired, list[4].isRequired })
    assert.same({ false, true, true, false }, {
      list[1].isConditional, list[2].isConditional, list[3].isConditional, list[4].isConditional })
    local function missing(value)
      return app:post(path .. "/check", { answers = { { requirementId = "insured", value = value } } }).json.missing
    end
    assert.same({ "policy" }, missing(true))
    assert.same({}, missing(false))
  end)

  it("hides nobody before its time when a plugin makes more of it", function()
    database.run [[UPDATE "Provider" SET "status" = 'APPROVED', "approvedAt" = now();
      UPDATE "Provider" SET "status" = 'TRIAL']]
    answer("insured", false)
    assert.equal("infinity", until_when())
    process.check { "mkdir", plugins .. "/clinic.health" }
    paths.write(plugins .. "/clinic.health/plugin.lua", PLUGIN)
    assert.equal(0, app:command("reload").code)
    assert.is_true(one("shots").isRequired)
    eventually(function() return until_when() ~= "infinity" end)
    assert.equal("t", database.query [[SELECT p."compliantUntil" = r."scriptedFrom"
        AND r."scriptedFrom" = r."scriptedSince" + interval '60 days' AS v
      FROM "Provider" p, "RequirementType" r WHERE r."id" = 'shots']][1].v)
    assert.matches("^required from %d+%-%d+%-%d+ on$", one("shots").warning)
    -- When its time has come.
    database.run [[UPDATE "RequirementType" SET "scriptedFrom" = now() - interval '1 s' WHERE "id" = 'shots']]
    answer("insured", true)
    assert.equal("f", database.query [[SELECT is_open AS v FROM mb_provider_standing()]][1].v)
    answer("shots", true)
    answer("policy", "P-1")
    assert.equal("t", database.query [[SELECT is_open AS v FROM mb_provider_standing()]][1].v)
  end)
end)
