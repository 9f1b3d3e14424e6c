-- What providers are asked, over HTTP: rows of the demo clinic under the files of
-- lua/validation/requirements/, rows that do not fit, and files that do not load.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"

-- A copy of the scripts with more files of requirements.
local function home_with(text, more)
  local dir = home.with()
  paths.write(dir .. "/lua/validation/requirements/clinic.lua", text)
  if more then paths.write(dir .. "/lua/validation/requirements/more.lua", more) end
  return dir
end

local CLINIC <const> = [[
local requirement = require "validation.requirement"
local of = requirement.of
return requirement.overrides("dentist", {
  ["registration-document"] = of.document { maxSizeMB = 1, expectedFormat = requirement.none },
  registration = of.text { maxLength = 3 },
  registratoin = of.text { maxLength = 3 },
}, { organization = "org" })
]]

-- Nothing of it is in a row.
local MISSPELLED <const> = [[
local requirement = require "validation.requirement"
return requirement.overrides("dentst", { registration = requirement.of.boolean { mustBeTrue = true } })
]]

describe("the requirements of a provider type", function()
  local app, database

  local function type_id(name)
    return psql.value(database.url, ([[SELECT "id" FROM "ProviderType" WHERE "name" = '%s']]):format(name))
  end

  local function of(name, query)
    local r = app:get("/v1/provider-types/" .. type_id(name) .. "/requirements" .. (query or ""))
    assert.equal(200, r.status, r.body)
    local by_key = {}
    for _, it in ipairs(r.json.data) do by_key[it.key] = it end
    return by_key, r.json.data
  end

  local function check(name, answers, organization)
    local list = of(name)
    for _, answer in ipairs(answers) do
      answer.requirementId, answer.key = answer.requirementId or list[answer.key].id, nil
    end
    return app:post("/v1/provider-types/" .. type_id(name) .. "/requirements/check",
      { answers = answers, organizationId = organization })
  end

  setup(function()
    database = cluster.fresh "demo"
    app = server.start { database = database, workers = 1, env = { MEDBOOKD_HOME = home_with(CLINIC, MISSPELLED) } }
  end)

  local TOLD <const> = {
    { "validation/requirements/clinic.lua:4", "there is no organization 'org'" },
    { "validation/requirements/clinic.lua:5", "there is no organization 'org'" },
    { "validation/requirements/clinic.lua:6", "'dentist' is asked no 'registratoin' (did you mean 'registration'?)" },
    { "validation/requirements/more.lua:2", "there is no provider type 'dentst' (did you mean 'dentist'?)" },
  }

  local function warnings()
    local told = {}
    for i, line in ipairs(app:log_lines(function(line)
      return line.level == "warn" and line.msg == "an override of requirements matches nothing"
    end)) do told[i] = { line.at:match "^(.-:%d+)", line.reason } end
    return told
  end

  it("tell at a start and at a reload which overrides match no row, and serve all the same", function()
    eventually(function() return #warnings() >= #TOLD end)
    assert.same(TOLD, warnings())
    local more = app.env.MEDBOOKD_HOME .. "/lua/validation/requirements/more.lua"
    paths.write(more, (MISSPELLED:gsub("dentst", "dentits")))
    assert.equal(0, app:command("reload").code)
    eventually(function() return #warnings() >= 2 * #TOLD end)
    assert.matches("dentits", warnings()[8][2])
    assert.equal(200, app:get("/readyz").status)
    paths.write(more, MISSPELLED)
    assert.equal(0, app:command("reload").code)
  end)

  it("show them beside the configuration in force, a misspelled type at the nearest", function()
    local list = app:get("/v1/provider-types/" .. type_id "Dentist" .. "/requirements").json.unmatched
    for i, it in ipairs(list) do list[i] = { it.source:match "^(.-:%d+)", it.reason } end
    assert.same(TOLD, list)
    assert.same({}, app:get("/v1/provider-types/" .. type_id "Psychologist" .. "/requirements").json.unmatched)
  end)

  it("come in their order, with the configuration in force and where it came from", function()
    local asked, list = of "General Practitioner"
    assert.equal(9, #list)
    assert.equal("hpcsa-membership", list[1].key)
    local number = asked["hpcsa-number"]
    assert.equal("TEXT", number.validationType)
    assert.equal("^MP\\d{6}$", number.config.pattern)
    assert.equal(10, number.config.maxLength)
    assert.equal("database", number.sources.maxLength)
    assert.matches("^validation/requirements/general_practitioner%.lua:%d+$", number.sources.pattern)
    assert.same({}, number.ignored)
    assert.is_nil(asked["hpcsa-membership"].config.defaultValue)
  end)

  it("differ for an organization that asks for something else, and say what does not fit the row", function()
    local plain, theirs = of "Dentist", of("Dentist", "?organizationId=org")
    assert.equal("5 PDF", ("%d %s"):format(plain["registration-document"].config.maxSizeMB,
      plain["registration-document"].config.expectedFormat))
    assert.same({ maxSizeMB = 1 }, theirs["registration-document"].config)
    assert.same({}, plain.registration.ignored)
    assert.same({ { source = "validation/requirements/clinic.lua:5",
                    reason = "it is about TEXT, the requirement is BOOLEAN" } }, theirs.registration.ignored)
  end)

  it("are found for a type that asks nothing, and not for one that is none", function()
    psql.run(database.url, [[INSERT INTO "ProviderType" ("id", "name") VALUES ('empty', 'Empty')]])
    assert.same({ data = {}, unmatched = {} }, app:get("/v1/provider-types/empty/requirements").json)
    local r = app:get "/v1/provider-types/nowhere/requirements"
    assert.equal("404 not_found", r.status .. " " .. r.json.code)
    r = app:post("/v1/provider-types/nowhere/requirements/check", { answers = { { requirementId = "x" } } })
    assert.equal("404 not_found", r.status .. " " .. r.json.code)
  end)

  it("stand when a row is damaged, and tell of it", function()
    psql.run(database.url, ([[UPDATE "RequirementType" SET "validationConfig" = '{"regex": "x", "maxLength": 4}'
      WHERE "name" = 'HPCSA number' AND "providerTypeId" = '%s']]):format(type_id "Psychologist"))
    local number = of("Psychologist")["hpcsa-number"]
    assert.equal(4, number.config.maxLength)
    assert.same({ { source = "database", reason = "unknown key 'regex' of TEXT" } }, number.ignored)
    psql.run(database.url, [[UPDATE "RequirementType" SET "validationConfig" = '[1]' WHERE "name" = 'Registration']])
    assert.same({}, of("Dentist").registration.config)
  end)

  it("judge answers and tell what is still missing", function()
    local r = check("General Practitioner", {
      { key = "hpcsa-membership", value = "true" }, { key = "hpcsa-number", value = " mp123456 " },
      { key = "insurance-expiry", value = "2999-01-01" }, { key = "graduation-year", value = "1999" },
      { key = "medical-school", values = { "other" }, other = "Sarajevo" },
      { key = "hpcsa-registration", document = { url = "https://example.org/a.pdf", fileType = "application/pdf" } },
    })
    assert.equal(200, r.status, r.body)
    assert.equal(6, #r.json.data)
    assert.equal("mp123456", r.json.data[2].value)
    assert.equal("Sarajevo", r.json.data[5].value.otherValue)
    assert.equal(3, #r.json.missing)
  end)

  it("name every answer that would not do", function()
    local r = check("General Practitioner", {
      { key = "hpcsa-membership", value = "false" }, { key = "hpcsa-number", value = "PS123456" },
      { key = "insurance-expiry", value = "2000-01-01" }, { key = "medical-school", values = { "mit" } },
      { key = "degree-certificate", document = { url = "https://example.org/a.png", fileName = "a.png" } },
      { requirementId = "nothing", value = "x" },
    })
    assert.equal("422 validation_failed", r.status .. " " .. r.json.code)
    assert.same({
      { pointer = "/answers/0/value", detail = "only members of the HPCSA may practise" },
      { pointer = "/answers/1/value", detail = "must be MP and six digits" },
      { pointer = "/answers/2/value", detail = "must be at least 30 days from today" },
      { pointer = "/answers/3/values", detail = "'mit' is not among the choices" },
      { pointer = "/answers/4/document", detail = "must be PDF" },
      { pointer = "/answers/5/requirementId", detail = "is not asked of this provider type" },
    }, r.json.errors)
  end)

  it("are judged by the day where the installation is, whatever the day in UTC", function()
    local function clock(at)
      psql.run(database.url, ([[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE
        PARALLEL SAFE AS 'SELECT %s']]):format(at))
    end
    clock "timestamptz ''2026-12-31T22:30:00Z''" -- 2027-01-01 in Johannesburg
    local new_year = check("General Practitioner", {
      { key = "graduation-year", value = "2027" }, { key = "insurance-expiry", value = "2027-01-31" } })
    local short = check("General Practitioner", { { key = "insurance-expiry", value = "2027-01-30" } })
    clock "clock_timestamp()"
    assert.equal(200, new_year.status, new_year.body)
    assert.equal(422, short.status)
  end)

  it("of an organization are those that its answers are judged by", function()
    local large = { url = "https://example.org/a.pdf", fileName = "a.pdf", fileSize = 2000000 }
    assert.equal(200, check("Dentist", { { key = "registration-document", document = large } }).status)
    assert.equal(422, check("Dentist", { { key = "registration-document", document = large } }, "org").status)
  end)
end)

describe("a file of requirements that is wrong", function()
  it("does not load, and says where", function()
    local dir = home_with((CLINIC:gsub("maxSizeMB", "maxSize")))
    local result = process.run({ paths.binary(), "check" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
    assert.equal(1, result.code)
    assert.matches("validation/requirements/clinic.lua:4:45: registration-document: unknown key 'maxSize' of DOCUMENT "
      .. "(did you mean 'maxSizeMB'?)", result.err, 1, true)
  end)

  it("does not load beside another that sets the same", function()
    local dir = home_with [[
local requirement = require "validation.requirement"
return requirement.overrides("psychologist", { ["hpcsa-number"] = requirement.of.text { pattern = "x" } })]]
    local result = process.run({ paths.binary(), "check" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
    assert.equal(1, result.code)
    assert.matches("'pattern' is set at validation/requirements/[%w_]+%.lua:%d+ too", result.err)
  end)
end)
