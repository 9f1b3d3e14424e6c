-- The catalogue as those who administer the platform keep it: slugs by which people and rule files know its rows, and
-- rows that are retired.

local slugs = require "fixtures.slugs"
local test = require "medbookd.test"

local SERVICE <const> = { defaultDuration = 30, defaultPrice = "450.00" }

describe("the catalogue", function()
  local admin, anybody, dentist

  before_each(function()
    admin, anybody = test.user { role = "ADMIN" }, test.user { emailVerified = "2026-01-01", email = "a@example.org" }
    dentist = test.get("/v1/provider-types/dentist").body
  end)

  local function make(path, fields, more)
    local body = {}
    for _, from in ipairs { fields, more or {} } do
      for name, value in pairs(from) do body[name] = value end
    end
    return test.post("/v1/" .. path, body, { token = admin.token })
  end

  local function made(...)
    local r = make(...)
    assert.equal(201, r.status, r.text)
    return r.body
  end

  local function change(path, patch, version)
    return test.patch("/v1/" .. path, patch,
      { token = admin.token, headers = { ["If-Match"] = ('"%d"'):format(version) } })
  end

  local function refusal(r, pointer)
    return ("%d %s %s"):format(r.status, r.body.code, pointer and r.body.errors[1].pointer or "")
  end

  -- The slugs of a list.
  local function listed(path, who)
    local set = {}
    for _, row in ipairs(test.get("/v1/" .. path, { token = who and who.token }).body.data) do
      set[row.slug] = row.isActive
    end
    return set
  end

  it("gives a row that says no slug that of its name, with a number where that is taken", function()
    assert.equal("foot-doctor", made("provider-types", { name = "Foot Doctor" }).slug)
    assert.equal("foot-doctor-2", made("provider-types", { name = " FOOT / doctor " }).slug)
    assert.equal("feet", made("provider-types", { name = "Feet, alone", slug = "feet" }).slug)
    for i, slug in ipairs { "deep-clean", "deep-clean-2", "deep-clean-3" } do
      local it = made("services", SERVICE, { name = "Deep clean", providerTypeId = dentist.id })
      assert.equal(slug, it.slug, i)
    end
    assert.equal("deep-clean", made("services", SERVICE, { name = "Deep clean",
      providerTypeId = test.get("/v1/provider-types/feet").body.id }).slug)
    assert.matches("^c[%l%d]+$", made("provider-types", { name = "牙医" }).slug)
  end)

  it("makes slugs of names as people who write rule files are told to", function()
    for name, slug in pairs(slugs) do
      assert.equal(slug, test.query("SELECT mb_slug($1) AS slug", name)[1].slug, name)
    end
  end)

  it("takes a slug once in its type, and never another one for a row that has one", function()
    local path, other = "services", { name = "x", slug = "x-ray", providerTypeId = dentist.id }
    local it = made(path, SERVICE, other)
    local r = make(path, SERVICE, other)
    assert.equal("409 slug_taken /slug", refusal(r, true))
    assert.equal("409 slug_taken /slug", refusal(make("provider-types", { name = "x", slug = "dentist" }), true))
    assert.equal("422 validation_failed /slug", refusal(change("services/" .. it.id, { slug = "y" }, 1), true))
    for _, slug in ipairs { "X", "a b", "a.b", "-a", "a-", "a--b", "é", "" } do
      r = make(path, SERVICE, { name = "x", slug = slug, providerTypeId = dentist.id })
      assert.equal("422 validation_failed /slug", refusal(r, true), slug)
    end
  end)

  it("is asked by id or slug, and an id wins", function()
    local it = made("services", SERVICE, { name = "Deep clean", providerTypeId = dentist.id })
    local asked = made("requirement-types", { name = "Licence", validationType = "TEXT", providerTypeId = dentist.id })
    assert.same(it, test.get("/v1/services/dentist.deep-clean").body)
    assert.same(asked, test.get("/v1/requirement-types/dentist.licence").body)
    assert.equal(404, test.get("/v1/services/deep-clean").status)
    assert.equal(404, test.get("/v1/services/psychologist.deep-clean").status)
    assert.equal(404, test.get("/v1/services/dentist.deep-clean.x").status)
    assert.equal(404, test.get("/v1/services/dentist.").status)
    local key = test.get("/v1/provider-types/dentist/requirements").body.data[1].key
    assert.equal(200, test.get("/v1/requirement-types/dentist." .. key).status)
    test.query [[INSERT INTO "ProviderType" ("id", "name") VALUES ('dentist', 'Another one')]]
    assert.equal("another-one", test.get("/v1/provider-types/dentist").body.slug)
    test.query([[INSERT INTO "Service" ("id", "name", "providerTypeId", "defaultDuration", "defaultPrice")
      VALUES ('dentist.deep-clean', 'Sleep', $1, 5, 5)]], dentist.id)
    assert.equal("sleep", test.get("/v1/services/dentist.deep-clean").body.slug)
  end)

  it("is changed and removed by slug", function()
    made("services", SERVICE, { name = "Deep clean", providerTypeId = dentist.id })
    local r = change("services/dentist.deep-clean", { name = "Deepest clean" }, 1)
    assert.equal("200 deep-clean 2", ("%d %s %d"):format(r.status, r.body.slug, r.body.version))
    r = test.delete("/v1/services/dentist.deep-clean", { token = admin.token, headers = { ["If-Match"] = '"2"' } })
    assert.equal(204, r.status)
    assert.equal(404, test.get("/v1/services/dentist.deep-clean").status)
  end)

  it("shows what is retired to those who administer it alone", function()
    made("provider-types", { name = "Barber" }) -- once they pulled teeth
    made("services", SERVICE, { name = "Bleed", slug = "bleed", providerTypeId = dentist.id })
    made("requirement-types", { name = "Knife", validationType = "TEXT", providerTypeId = dentist.id })
    for path, slug in pairs {
      ["provider-types"] = "barber", services = "dentist.bleed", ["requirement-types"] = "dentist.knife",
    } do
      local key = slug:match "[^.]+$"
      assert.is_true(listed(path)[key])
      local one = path .. "/" .. slug
      assert.equal(200, change(one, { isActive = false }, 1).status)
      assert.is_nil(listed(path)[key])
      assert.is_nil(listed(path, anybody)[key])
      assert.is_false(listed(path .. "?limit=100", admin)[key])
      assert.same({ [key] = false }, listed(path .. "?isActive=false", admin))
      assert.is_nil(listed(path .. "?isActive=true&limit=100", admin)[key])
      assert.same({}, listed(path .. "?isActive=false", anybody))
      assert.same({ 404, 404, 200 }, { test.get("/v1/" .. one).status,
        test.get("/v1/" .. one, { token = anybody.token }).status,
        test.get("/v1/" .. one, { token = admin.token }).status })
      assert.equal(200, change(one, { isActive = true }, 2).status)
      assert.is_true(listed(path)[key])
    end
  end)

  it("asks nobody what is retired", function()
    local function keys()
      local set = {}
      for _, it in ipairs(test.get("/v1/provider-types/dentist/requirements").body.data) do set[it.key] = it.id end
      return set
    end
    local it = made("requirement-types", { name = "Knife", validationType = "TEXT", providerTypeId = dentist.id })
    assert.equal(it.id, keys().knife)
    local function check()
      return test.post("/v1/provider-types/dentist/requirements/check",
        { answers = { { requirementId = "knife", value = "sharp" } } })
    end
    assert.same(it.id, check().body.data[1].requirementId)
    change("requirement-types/" .. it.id, { isActive = false }, 1)
    assert.is_nil(keys().knife)
    assert.equal("422 validation_failed /answers/0/requirementId", refusal(check(), true))
    change("provider-types/dentist", { isActive = false }, dentist.version)
    assert.equal(404, test.get("/v1/provider-types/dentist/requirements").status)
    assert.equal(404, check().status)
    assert.equal(200, test.get("/v1/provider-types/dentist/requirements", { token = admin.token }).status)
  end)

  it("leaves those who were approved before 60 days to answer, unless it says when", function()
    test.clock.set "2026-12-01T10:00:00Z"
    local body = { name = "Knife", validationType = "TEXT", providerTypeId = dentist.id }
    local it = made("requirement-types", body)
    assert.equal("2027-01-30T10:00:00.000Z", it.effectiveFrom)
    local r = change("requirement-types/" .. it.id, { effectiveFrom = "2026-12-24T00:00:00+02:00" }, 1)
    assert.equal("2026-12-23T22:00:00.000Z", r.body.effectiveFrom)
    test.clock.advance "70d"
    r = change("requirement-types/" .. it.id, { name = "Sharp knife" }, 2)
    assert.equal("2026-12-23T22:00:00.000Z", r.body.effectiveFrom)
    assert.equal("knife", r.body.slug)
    it = made("requirement-types", body, { effectiveFrom = "2026-12-02T00:00:00Z" })
    assert.equal("2026-12-02T00:00:00.000Z", it.effectiveFrom)
    r = change("requirement-types/" .. it.id, { effectiveFrom = test.null }, 1)
    assert.equal("422 validation_failed /effectiveFrom", refusal(r, true))
  end)

  it("keeps a rule file at its row when the row is renamed", function()
    local number = test.get("/v1/requirement-types/general-practitioner.hpcsa-number").body
    local r = change("requirement-types/" .. number.id, { name = "Number of the council" }, number.version)
    assert.equal(200, r.status, r.text)
    local kind = test.get("/v1/provider-types/general-practitioner").body
    change("provider-types/" .. kind.id, { name = "House doctor" }, kind.version)
    r = test.get "/v1/provider-types/general-practitioner/requirements"
    assert.same({}, r.body.unmatched)
    assert.matches("general_practitioner%.lua:%d+$", r.body.data[2].sources.pattern)
    assert.equal("hpcsa-number", r.body.data[2].key)
  end)

  it("is what a new provider names, by id or slug and nothing that is retired", function()
    local function become(types)
      return test.post("/v1/providers", {
        name = "Dr Dlamini", languages = { "English" }, email = "rooms@clinic.example", whatsapp = "+27115550100",
        providerTypeIds = types,
      }, { token = anybody.token })
    end
    local barber = made("provider-types", { name = "Barber" })
    change("provider-types/barber", { isActive = false }, 1)
    local r = become { "dentist", "barber", "psychologist", "nowhere", barber.id }
    local told = {}
    for i, it in ipairs(r.body.errors) do told[i] = it.pointer .. " " .. it.detail end
    assert.equal(422, r.status)
    assert.same({
      "/providerTypeIds/1 'barber' is no provider type, or is retired",
      "/providerTypeIds/3 'nowhere' is no provider type, or is retired",
      ("/providerTypeIds/4 '%s' is no provider type, or is retired"):format(barber.id),
    }, told)
    r = become { "psychologist", dentist.id, "dentist" }
    assert.equal(201, r.status, r.text)
    local expected = { dentist.id, test.get("/v1/provider-types/psychologist").body.id }
    table.sort(expected)
    assert.same(expected, r.body.providerTypeIds)
  end)
end)
