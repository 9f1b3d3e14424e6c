-- What providers are asked, over HTTP: rows of the demo clinic under the files of lua/validation/requirements/, and
-- rows that do not fit.

local test = require "medbookd.test"

describe("the requirements of a provider type", function()
  local function type_id(name)
    return test.query([[SELECT "id" FROM "ProviderType" WHERE "name" = $1]], name)[1].id
  end

  local function of(name)
    local r = test.get("/v1/provider-types/" .. type_id(name) .. "/requirements")
    assert.equal(200, r.status, r.text)
    local by_key = {}
    for _, it in ipairs(r.body.data) do by_key[it.key] = it end
    return by_key, r.body.data
  end

  local function check(name, answers)
    local list = of(name)
    for _, answer in ipairs(answers) do
      answer.requirementId, answer.key = answer.requirementId or list[answer.key].id, nil
    end
    return test.post("/v1/provider-types/" .. type_id(name) .. "/requirements/check", { answers = answers })
  end

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

  it("are found for a type that asks nothing, and not for one that is none", function()
    test.query [[INSERT INTO "ProviderType" ("id", "name") VALUES ('empty', 'Empty')]]
    assert.same({ data = {}, unmatched = {} }, test.get("/v1/provider-types/empty/requirements").body)
    local r = test.get "/v1/provider-types/nowhere/requirements"
    assert.equal("404 not_found", r.status .. " " .. r.body.code)
    r = test.post("/v1/provider-types/nowhere/requirements/check", { answers = { { requirementId = "x" } } })
    assert.equal("404 not_found", r.status .. " " .. r.body.code)
  end)

  it("stand when a row is damaged, and tell of it", function()
    test.query(([[UPDATE "RequirementType" SET "validationConfig" = '{"regex": "x", "maxLength": 4}'
      WHERE "name" = 'HPCSA number' AND "providerTypeId" = '%s']]):format(type_id "Psychologist"))
    local number = of("Psychologist")["hpcsa-number"]
    assert.equal(4, number.config.maxLength)
    assert.same({ { source = "database", reason = "unknown key 'regex' of TEXT" } }, number.ignored)
    test.query [[UPDATE "RequirementType" SET "validationConfig" = '[1]' WHERE "name" = 'Registration']]
    assert.same({}, of("Dentist").registration.config)
  end)

  it("judge answers and tell what is still missing", function()
    local r = check("General Practitioner", {
      { key = "hpcsa-membership", value = "true" }, { key = "hpcsa-number", value = " mp123456 " },
      { key = "insurance-expiry", value = "2999-01-01" }, { key = "graduation-year", value = "1999" },
      { key = "medical-school", values = { "other" }, other = "Sarajevo" },
      { key = "hpcsa-registration", document = { url = "https://example.org/a.pdf", fileType = "application/pdf" } },
    })
    assert.equal(200, r.status, r.text)
    assert.equal(6, #r.body.data)
    assert.equal("mp123456", r.body.data[2].value)
    assert.equal("Sarajevo", r.body.data[5].value.otherValue)
    assert.equal(3, #r.body.missing)
  end)

  it("name every answer that would not do", function()
    local r = check("General Practitioner", {
      { key = "hpcsa-membership", value = "false" }, { key = "hpcsa-number", value = "PS123456" },
      { key = "insurance-expiry", value = "2000-01-01" }, { key = "medical-school", values = { "mit" } },
      { key = "degree-certificate", document = { url = "https://example.org/a.png", fileName = "a.png" } },
      { requirementId = "nothing", value = "x" },
    })
    assert.equal("422 validation_failed", r.status .. " " .. r.body.code)
    assert.same({
      { pointer = "/answers/0/value", detail = "only members of the HPCSA may practise" },
      { pointer = "/answers/1/value", detail = "must be MP and six digits" },
      { pointer = "/answers/2/value", detail = "must be at least 30 days from today" },
      { pointer = "/answers/3/values", detail = "'mit' is not among the choices" },
      { pointer = "/answers/4/document", detail = "must be PDF" },
      { pointer = "/answers/5/requirementId", detail = "is not asked of this provider type" },
    }, r.body.errors)
  end)

  it("are judged by the day where the installation is, whatever the day in UTC", function()
    test.clock.set "2026-12-31T22:30:00Z" -- 2027-01-01 in Johannesburg
    local new_year = check("General Practitioner", {
      { key = "graduation-year", value = "2027" }, { key = "insurance-expiry", value = "2027-01-31" } })
    local short = check("General Practitioner", { { key = "insurance-expiry", value = "2027-01-30" } })
    assert.equal(200, new_year.status, new_year.text)
    assert.equal(422, short.status)
  end)
end)
