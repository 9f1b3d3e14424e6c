-- What providers are asked where an installation has files of its own in lua/validation/requirements/: files that
-- match nothing, or only an organization, and files that do not load. The others: domain/requirements_spec.lua.

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

  it("differ for an organization that asks for something else, and say what does not fit the row", function()
    local plain, theirs = of "Dentist", of("Dentist", "?organizationId=org")
    assert.equal("5 PDF", ("%d %s"):format(plain["registration-document"].config.maxSizeMB,
      plain["registration-document"].config.expectedFormat))
    assert.same({ maxSizeMB = 1 }, theirs["registration-document"].config)
    assert.same({}, plain.registration.ignored)
    assert.same({ { source = "validation/requirements/clinic.lua:5",
                    reason = "it is about TEXT, the requirement is BOOLEAN" } }, theirs.registration.ignored)
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
