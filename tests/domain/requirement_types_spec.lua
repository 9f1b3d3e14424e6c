-- What providers are asked, as those who administer the platform write it.

local test = require "medbookd.test"

local OPTIONS <const> = { { value = "uct", label = "UCT" } }

-- type, configuration, the pointer that is told behind /validationConfig, a part of why
local REFUSED <const> = {
  { "TEXT", { regex = "x" }, "/regex", "unknown key" },
  { "TEXT", { ["a/b~c"] = 1 }, "/a~1b~0c", "unknown key" },
  { "TEXT", { minLength = -1 }, "/minLength", "whole number" },
  { "TEXT", { minLength = 5, maxLength = 4 }, "", "no answer would do" },
  { "TEXT", { pattern = "(" }, "", "pattern" },
  { "BOOLEAN", { maxLength = 4 }, "/maxLength", "unknown key" },
  { "DOCUMENT", { maxSizeMB = 0 }, "", "over 0" },
  { "DOCUMENT", { expectedFormat = { "PDF", "EXE" } }, "/expectedFormat", "of JPG, PDF, PNG, WEBP" },
  { "DATE", { minDate = "2026-02-30" }, "/minDate", "a day" },
  { "FUTURE_DATE", { dateFormat = "DD" }, "", "YYYY-MM-DD" },
  { "PAST_DATE", { minYear = 12 }, "/minYear", "a year" },
  { "NUMBER", { step = "1" }, "/step", "a number" },
  { "NUMBER", { max = 1e300 }, "", "beyond 1e15" }, { "NUMBER", { step = 1e-300 }, "", "nearly 0" },
  { "PREDEFINED_LIST", { options = { { value = "uct" } } }, "/options", "a list" },
  { "PREDEFINED_LIST", { options = { { value = "uct", label = "UCT", more = 1e300 } } }, "", "beyond 1e15" },
  { "PREDEFINED_LIST", { otherValidation = { minLength = "1" } }, "/otherValidation", "a table of minLength" },
}
local TAKEN <const> = {
  { "BOOLEAN" }, { "BOOLEAN", { mustBeTrue = true } }, { "DOCUMENT", { expectedFormat = { "PDF" }, maxSizeMB = 5 } },
  { "TEXT", { minLength = 8, maxLength = 10, pattern = "^PS\\d{6}$" } }, { "DATE", { minDate = "2026-02-28" } },
  { "FUTURE_DATE", { minDaysInFuture = 30, warningThreshold = 60 } }, { "PAST_DATE", { minYear = 1960 } },
  { "NUMBER", { min = -1e15, max = 2.5, step = 0.5 } }, { "PREDEFINED_LIST", { options = OPTIONS, allowOther = true } },
}

describe("requirements as rows", function()
  local admin, type_id

  local function make(kind, config)
    return test.post("/v1/requirement-types", {
      name = "Licence", providerTypeId = type_id, validationType = kind, validationConfig = config,
    }, { token = admin.token })
  end

  local function change(it, patch)
    return test.patch("/v1/requirement-types/" .. it.id, patch,
      { token = admin.token, headers = { ["If-Match"] = ('"%d"'):format(it.version) } })
  end

  before_each(function()
    admin = test.user { role = "ADMIN" }
    type_id = test.query([[SELECT "id" FROM "ProviderType" WHERE "name" = 'Dentist']])[1].id
  end)

  it("are made, changed and removed, and asked of providers from then on", function()
    for _, case in ipairs(TAKEN) do
      local made = make(case[1], case[2])
      assert.equal(201, made.status, made.text)
      local shown = test.get("/v1/requirement-types/" .. made.body.id)
      assert.same(made.body, shown.body)
      assert.same(case[2] or test.null, shown.body.validationConfig)
    end
    local it = make("TEXT", { maxLength = 5 }).body
    local changed = change(it, { isRequired = false, displayPriority = -1, validationConfig = { maxLength = 6 } })
    assert.equal(200, changed.status, changed.text)
    assert.equal(2, changed.body.version)
    assert.equal(412, change(it, { name = "Another" }).status)
    local first = test.get("/v1/provider-types/" .. type_id .. "/requirements").body.data[1]
    assert.equal(it.id, first.id)
    assert.is_false(first.isRequired)
    assert.same({ maxLength = 6 }, first.config)
    local gone = test.delete("/v1/requirement-types/" .. it.id,
      { token = admin.token, headers = { ["If-Match"] = '"2"' } })
    assert.equal(204, gone.status, gone.text)
    assert.equal(404, test.get("/v1/requirement-types/" .. it.id).status)
  end)

  it("are refused with a configuration that no answer is judged by, and told where", function()
    for _, case in ipairs(REFUSED) do
      local r = make(case[1], case[2])
      assert.equal(422, r.status, r.text)
      assert.equal("/validationConfig" .. case[3], r.body.errors[1].pointer)
      assert.truthy(r.body.errors[1].detail:find(case[4], 1, true), r.body.errors[1].detail)
    end
    for text, pointer in pairs { ['{"maxLength":1,"maxLength":2}'] = "", ["[]"] = "", ["5"] = "" } do
      local r = test.post("/v1/requirement-types", ('{"name":"Licence","providerTypeId":"%s","validationType":"TEXT",'
        .. '"validationConfig":%s}'):format(type_id, text), { token = admin.token,
          headers = { ["Content-Type"] = "application/json" } })
      assert.equal(422, r.status, r.text)
      assert.equal("/validationConfig" .. pointer, r.body.errors[1].pointer)
    end
    assert.same({}, test.query [[SELECT "id" FROM "RequirementType" WHERE "name" = 'Licence']])
  end)

  it("are refused so when they are changed, by what would be stored", function()
    local it = make("TEXT", { maxLength = 5 }).body
    local r = change(it, { validationConfig = { mustBeTrue = true } })
    assert.equal(422, r.status, r.text)
    assert.equal("/validationConfig/mustBeTrue", r.body.errors[1].pointer)
    for name, value in pairs { validationType = "BOOLEAN", providerTypeId = type_id } do
      r = change(it, { [name] = value })
      assert.equal("422 /" .. name, r.status .. " " .. r.body.errors[1].pointer)
    end
    assert.equal(1, test.get("/v1/requirement-types/" .. it.id).body.version)
    assert.equal(test.null, change(it, { validationConfig = test.null }).body.validationConfig)
  end)

  it("mend a row whose configuration was wrong before", function()
    local it = make("TEXT").body
    test.query([[UPDATE "RequirementType" SET "validationConfig" = '[1]' WHERE "id" = $1]], it.id)
    it.version = 2
    local r = change(it, { validationConfig = { minLength = 2 } })
    assert.equal(200, r.status, r.text)
    assert.same({ minLength = 2 }, r.body.validationConfig)
  end)

  it("stay while somebody has answered", function()
    local it = make("BOOLEAN").body
    test.query([[INSERT INTO "RequirementSubmission" ("requirementTypeId", "providerId")
      SELECT $1, "id" FROM "Provider" LIMIT 1]], it.id)
    local r = test.delete("/v1/requirement-types/" .. it.id,
      { token = admin.token, headers = { ["If-Match"] = '"1"' } })
    assert.equal(409, r.status, r.text)
    assert.equal("in_use", r.body.code)
    assert.same({ "submissions" }, r.body.holders)
  end)
end)
