-- Reference data: the rows that an installation begins with.
local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"
local temp = require "support.temp"

describe("medbookd reference load", function()
  local database

  local function load()
    local r = process.run({ paths.binary(), "reference", "load" }, { cwd = "/", within = 60, env = {
      MEDBOOKD_DATABASE_URL = database.url, MEDBOOKD_DATA_DIR = temp.dir(), MEDBOOKD_HOME = paths.root } })
    assert.equal(0, r.code, r.err)
    return r.out
  end

  before_each(function() database = cluster.fresh "schema" end)

  local NEW <const> = [[
reference: plans.sql: %d new
reference: provider_types.sql: %d new
reference: requirement_types.sql: %d new
reference: services.sql: %d new
]]

  it("inserts the plan of the seed", function()
    assert.equal(NEW:format(1, 7, 22, 18), load())
    assert.same({ {
      slug = "standard", basePrice = "300.00", currency = "ZAR", interval = "MONTHLY", includedSlots = "30",
      tierPricing = '{"301+": 3.00, "31-100": 5.00, "101-300": 4.00}', isActive = "t",
    } }, database.query [[SELECT "slug", "basePrice", "currency", "interval", "includedSlots", "tierPricing", "isActive"
      FROM "SubscriptionPlan"]])
  end)

  -- What a type has of rows of this table, as "slug slug", in their order.
  local function slugs(name, kind)
    return psql.value(database.url, ([[SELECT string_agg(r."slug", ' ' ORDER BY r."displayPriority") FROM "%s" r
      JOIN "ProviderType" t ON t."id" = r."providerTypeId" WHERE t."slug" = '%s']]):format(name, kind))
  end

  it("inserts what there is for providers to be, to offer and to answer", function()
    load()
    assert.equal("dentist dietitian general-practitioner occupational-therapist physiotherapist psychologist "
      .. "speech-therapist",
      psql.value(database.url, [[SELECT string_agg("slug", ' ' ORDER BY "slug") FROM "ProviderType"]]))
    assert.equal("general-gp-consult chronic-disease-management preventive-health-screening prescription-refill",
      slugs("Service", "general-practitioner"))
    assert.equal("15 600.00, 30 950.00, 30 950.00, 5 300.00, 15 600.00, 50 1200.00, 90 2000.00, 15 600.00, 30 800.00, "
      .. "15 400.00, 15 600.00, 45 900.00, 15 600.00, 30 750.00, 15 600.00, 45 900.00, 15 600.00, 30 800.00",
      psql.value(database.url, [[SELECT string_agg("defaultDuration" || ' ' || "defaultPrice", ', '
        ORDER BY "displayPriority") FROM "Service"]]))
    assert.equal("hpcsa-membership hpcsa-number hpcsa-registration practice-insurance insurance-expiry "
      .. "insurance-certificate medical-school graduation-year degree-certificate",
      slugs("RequirementType", "general-practitioner"))
    assert.equal("hpcsa-membership hpcsa-number hpcsa-registration", slugs("RequirementType", "psychologist"))
    for _, kind in ipairs { "dentist", "speech-therapist", "physiotherapist", "occupational-therapist", "dietitian" } do
      assert.equal("registration registration-document", slugs("RequirementType", kind), kind)
    end
    assert.equal("0", psql.value(database.url, [[SELECT count(*) FROM "RequirementType" WHERE NOT "isRequired"]]))
  end)

  it("changes nothing that is there, and brings back what is not", function()
    load()
    database.run [[
      UPDATE "SubscriptionPlan" SET "basePrice" = 310, "isActive" = false;
      UPDATE "ProviderType" SET "name" = 'House doctor', "isActive" = false WHERE "slug" = 'general-practitioner';
      UPDATE "Service" SET "defaultPrice" = 1, "displayPriority" = 9, "name" = 'x';
      UPDATE "RequirementType" SET "validationConfig" = '{}', "isRequired" = false;
      DELETE FROM "Service" WHERE "slug" = 'prescription-refill']]
    local function all()
      local sums = {}
      for _, name in ipairs { "SubscriptionPlan", "ProviderType", "Service", "RequirementType" } do
        sums[#sums + 1] = psql.value(database.url, ([[SELECT md5(string_agg(t::text, ' ' ORDER BY "id")) FROM "%s" t
          WHERE "slug" <> 'prescription-refill']]):format(name))
      end
      return sums
    end
    local before = all()
    assert.equal(NEW:format(0, 0, 0, 1), load())
    assert.same(before, all())
  end)

  it("leaves out what stands under another slug, with all that it would have had", function()
    database.run [[INSERT INTO "ProviderType" ("slug", "name") VALUES ('teeth', 'Dentist')]]
    assert.equal(NEW:format(1, 6, 20, 15), load())
  end)
end)

describe("an embedded database", function()
  it("has reference data from its first start, and what is taken away stays away once it is used", function()
    local app = server.start { workers = 1 }
    local function run(sql)
      return process.check { "psql", "-XAtq", "-h", app.data_dir .. "/run", "-U", "medbookd", "-d", "medbookd",
        "-c", sql }.out
    end
    local list = app:get("/v1/plans").json.data
    assert.equal(1, #list)
    assert.equal("standard", list[1].slug)
    assert.equal(18, #app:get("/v1/services").json.data)
    local asked = 0
    for _, kind in ipairs(app:get("/v1/provider-types").json.data) do
      for _, it in ipairs(app:get(("/v1/provider-types/%s/requirements"):format(kind.slug)).json.data) do
        assert.same({}, it.ignored, it.key)
        asked = asked + 1
      end
    end
    assert.equal(22, asked)
    assert.equal("1600.00", app:get(("/v1/plans/%s/quote?slots=350"):format(list[1].id)).json.total)
    run [[DELETE FROM "SubscriptionPlan"]]
    app:restart()
    assert.equal("1\n", run [[SELECT count(*) FROM "SubscriptionPlan"]]) -- nobody has used it yet
    run [[DELETE FROM "SubscriptionPlan"; INSERT INTO "User" ("id") VALUES ('somebody')]]
    app:restart()
    assert.equal("0\n", run [[SELECT count(*) FROM "SubscriptionPlan"]])
    assert.same({ "exit", 0 }, { app:stop() })
  end)
end)
