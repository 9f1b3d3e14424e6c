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

  it("inserts the plan of the seed", function()
    assert.equal("reference: plans.sql: 1 new\n", load())
    assert.same({ {
      slug = "standard", basePrice = "300.00", currency = "ZAR", interval = "MONTHLY", includedSlots = "30",
      tierPricing = '{"301+": 3.00, "31-100": 5.00, "101-300": 4.00}', isActive = "t",
    } }, database.query [[SELECT "slug", "basePrice", "currency", "interval", "includedSlots", "tierPricing", "isActive"
      FROM "SubscriptionPlan"]])
  end)

  it("changes nothing that is there", function()
    load()
    database.run [[UPDATE "SubscriptionPlan" SET "basePrice" = 310, "isActive" = false]]
    local before = psql.value(database.url, [[SELECT md5(t::text) FROM "SubscriptionPlan" t]])
    assert.equal("reference: plans.sql: 0 new\n", load())
    assert.equal(before, psql.value(database.url, [[SELECT md5(string_agg(t::text, ' ')) FROM "SubscriptionPlan" t]]))
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
