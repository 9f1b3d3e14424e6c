-- `medbookd demo load`: what the demo clinic is, and that loading it again changes nothing but adds
-- the days that are new. The time is that of the database's own clock function, which is replaced.
local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local temp = require "support.temp"

-- Loads into a database of support/cluster.lua: code and output of the program.
local function try_load(database)
  local env = { MEDBOOKD_BIN = false, MEDBOOKD_DATABASE_URL = database.url, MEDBOOKD_DATA_DIR = temp.dir(),
                MEDBOOKD_HOME = paths.root }
  return process.run({ paths.binary(), "demo", "load" }, { env = env, cwd = "/", within = 120 })
end

local function load_into(database)
  local result = try_load(database)
  assert(result.code == 0, result.err)
  return result.out
end

local function one(database, sql) return database.query(sql)[1].value end

-- Every row of every table but the agendas, in one number.
local function fingerprint(database)
  local sums = {}
  for _, row in ipairs(database.query "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1") do
    sums[#sums + 1] = row.tablename .. " " .. one(database,
      ([[SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) AS value FROM "%s" t]])
      :format(row.tablename))
  end
  return table.concat(sums, "\n")
end

local function set_clock(database, instant)
  database.run(([[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE
                  AS $$SELECT timestamptz '%s'$$]]):format(instant))
end

local copies = 0

-- A database like another one, which nobody uses at this moment.
local function copy_of(database)
  copies = copies + 1
  local name = ("%s_copy%d"):format(database.name, copies)
  psql.run(database.cluster:url "postgres", ("CREATE DATABASE %s TEMPLATE %s"):format(name, database.name))
  local url = database.cluster:url(name)
  return { url = url, query = function(sql) return psql.query(url, sql) end,
           run = function(sql) return psql.run(url, sql) end }
end

local MONDAY <const>, TUESDAY <const> = "2026-11-22 22:30:00Z", "2026-11-24 06:00:00Z" -- the 23rd and 24th there

describe("the demo clinic", function()
  local database

  setup(function()
    database = cluster.fresh "schema"
    set_clock(database, MONDAY)
    load_into(database)
  end)

  local function count(from) return math.tointeger(one(database, "SELECT count(*) AS value FROM " .. from)) end

  it("has forty providers who can be booked, and a few who cannot", function()
    assert.equal(45, count [["Provider"]])
    assert.equal(40, count "mb_provider_standing() WHERE refusal IS NULL")
    assert.equal(40, count [[(SELECT DISTINCT "providerId" FROM "CalculatedAvailabilitySlot") s]])
    assert.same({ { status = "APPROVED" }, { status = "PENDING_APPROVAL" }, { status = "REJECTED" },
                  { status = "SUSPENDED" }, { status = "TRIAL_EXPIRED" } },
      database.query [[SELECT "status" FROM "Provider" WHERE "status" NOT IN ('ACTIVE', 'TRIAL')
                       ORDER BY "status"::text]])
  end)

  it("has of everybody in service all that the law asks, with documents that can be read", function()
    assert.equal(0, count [[(
      SELECT FROM "Provider" p
        JOIN "ProviderTypeAssignment" a ON a."providerId" = p."id"
        JOIN "RequirementType" r ON r."providerTypeId" = a."providerTypeId" AND r."isRequired"
       WHERE p."status" NOT IN ('PENDING_APPROVAL', 'REJECTED') AND NOT EXISTS (
             SELECT FROM "RequirementSubmission" s
              WHERE s."providerId" = p."id" AND s."requirementTypeId" = r."id" AND s."status" = 'APPROVED')) lacking]])
    local documents = database.query [[
      SELECT convert_from(b."bytes", 'UTF8') AS text FROM "ProviderFilePiece" b ORDER BY b."fileId"]]
    assert.is_true(#documents > 60)
    for _, it in ipairs(documents) do
      local start = it.text:match "startxref\n(%d+)\n%%%%EOF\n$"
      local places = it.text:match("^xref\n0 6\n0000000000 65535 f \n(.-)trailer", start + 1)
      local number = 0
      for place in places:gmatch "(%d+) 00000 n \n" do
        number = number + 1
        assert.equal(number .. " 0 obj", it.text:sub(place + 1, place + 7))
      end
      assert.equal(5, number)
      local length, page = it.text:match "/Length (%d+) >>\nstream\n(.-)\nendstream"
      assert.equal(#page, tonumber(length))
    end
  end)

  it("has one who waits for approval, one who is told why not, and one whose insurance ends next week", function()
    local real = cluster.fresh "demo"
    assert.equal("PENDING 2", one(real, [[SELECT string_agg(DISTINCT s."status"::text, ' ') || ' ' || count(*) AS value
      FROM "RequirementSubmission" s JOIN "Provider" p ON p."id" = s."providerId"
      WHERE p."status" = 'PENDING_APPROVAL']]))
    assert.equal("1", one(real, [[SELECT count(*) AS value FROM "RequirementSubmission" s
      JOIN "Provider" p ON p."id" = s."providerId"
      WHERE p."status" = 'REJECTED' AND s."status" = 'REJECTED' AND s."notes" <> '' AND p."rejectionReason" <> '']]))
    assert.same({ { name = "Dr Sipho Dlamini", first = "t" } }, real.query [[
      SELECT p."name", p."compliantUntil" = min(s."expiresAt") AS first FROM "Provider" p
        JOIN "RequirementSubmission" s ON s."providerId" = p."id"
       WHERE p."compliantUntil" BETWEEN mb_now() + interval '6 days' AND mb_now() + interval '9 days'
       GROUP BY p."id"]])
  end)

  it("keeps every invariant", function()
    assert.same({}, database.query(paths.read(paths.root .. "/tests/invariants.sql")))
    assert.same({}, cluster.fresh("demo").query(paths.read(paths.root .. "/tests/invariants.sql")))
  end)

  it("stands in Johannesburg, Cape Town and Durban", function()
    for _, city in ipairs { "Johannesburg", "Cape Town", "Durban" } do
      local term = city:lower()
      assert.is_true(count(([["Location" WHERE "searchTerms" @> '{"%s"}']]):format(term)) >= 3, term)
      assert.is_true(count(([["CalculatedAvailabilitySlot" JOIN "Location" l ON l."id" = "locationId"
                              WHERE "formattedAddress" LIKE '%%%s%%']]):format(city)) > 1000, city)
    end
  end)

  it("begins today and reaches thirty days, by the calendar of the providers", function()
    assert.same({ { first = "2026-11-23", last = "2026-12-22" } }, database.query [[
      SELECT min(("startTime" AT TIME ZONE 'Africa/Johannesburg')::date) AS first,
             max(("endTime" AT TIME ZONE 'Africa/Johannesburg')::date) AS last FROM "Availability"]])
  end)

  it("offers only what can be booked", function()
    assert.equal(0, count "mb_availability_standing() WHERE refusal IS NOT NULL")
    assert.equal(0, count [["CalculatedAvailabilitySlot" WHERE "status" <> 'AVAILABLE']])
    assert.is_true(count [["CalculatedAvailabilitySlot"]] > 20000)
  end)

  it("follows the scheduling rules: as many slots as counted in SQL, on the marks", function()
    -- Of every offer: slots from the first mark on, at the rule's distance, that end in time.
    assert.equal(0, count [[(
      SELECT a."id", c."id", count(s."id") FROM "Availability" a
      JOIN "_AvailabilityToServiceAvailabilityConfig" j ON j."A" = a."id"
      JOIN "ServiceAvailabilityConfig" c ON c."id" = j."B"
      CROSS JOIN LATERAL (SELECT CASE a."schedulingRule" WHEN 'CONTINUOUS' THEN c."duration"
        WHEN 'ON_THE_HOUR' THEN 60 ELSE 30 END * interval '1 min' AS step) r
      CROSS JOIN LATERAL (SELECT CASE a."schedulingRule" WHEN 'CONTINUOUS' THEN a."startTime"
        ELSE date_bin(r.step, a."startTime" + r.step - interval '1 ms', '2000-01-01Z') END AS first) f
      LEFT JOIN "CalculatedAvailabilitySlot" s ON s."availabilityId" = a."id" AND s."serviceConfigId" = c."id"
      GROUP BY a."id", c."id", c."duration", r.step, f.first
      HAVING count(s."id") <> (SELECT count(*) FROM generate_series(f.first,
               a."endTime" - c."duration" * interval '1 min', r.step))
          OR count(s."id") <> count(*) FILTER (WHERE date_bin(r.step, s."startTime", f.first) = s."startTime"
               AND s."endTime" - s."startTime" = c."duration" * interval '1 min')) wrong]])
  end)

  it("copies provider, place, price and kind of visit to the slots", function()
    assert.equal(0, count [["CalculatedAvailabilitySlot" s
      JOIN "ServiceAvailabilityConfig" c ON c."id" = "serviceConfigId"
      JOIN "Availability" a ON a."id" = "availabilityId"
      WHERE s."price" <> c."price" OR s."locationId" IS DISTINCT FROM a."locationId"
         OR s."isInPerson" <> c."isInPerson" OR NOT (s."isInPerson" OR s."isOnlineAvailable")
         OR s."isOnlineAvailable" <> (c."isOnlineAvailable" AND a."isOnlineAvailable")]])
  end)

  it("gives ids of the usual shape to all rows", function()
    for _, name in ipairs { "User", "Provider", "Location", "Availability", "CalculatedAvailabilitySlot",
                            "ServiceAvailabilityConfig" } do
      assert.equal(0, count(([["%s" WHERE "id" !~ '^c[0-9a-z]{24}$']]):format(name)), name)
    end
  end)

  it("gives everybody an Argon2id password", function()
    assert.equal(0, count [["User" WHERE "password" IS NULL
                                     OR "password" NOT LIKE '$argon2id$v=19$m=19456,t=2,p=1$%']])
  end)

  it("names logins that exist", function()
    local named = 0
    for _, file in ipairs(native.list(paths.root .. "/examples/demo-clinic")) do
      for address in paths.read(paths.root .. "/examples/demo-clinic/" .. file):gmatch "%-%- login: (%S+)" do
        assert.equal(1, count(([["User" WHERE "email" = '%s']]):format(address)), address)
        named = named + 1
      end
    end
    assert.is_true(named >= 3)
  end)
end)

describe("loading the demo clinic again", function()
  local loaded, database

  setup(function()
    loaded = cluster.fresh "schema"
    set_clock(loaded, MONDAY)
    load_into(loaded)
  end)

  before_each(function() database = copy_of(loaded) end)

  it("changes nothing on the same day", function()
    local before = fingerprint(database)
    assert.matches("all thirty days are there already", load_into(database))
    assert.equal(before, fingerprint(database))
  end)

  it("adds only the day that is new on the next day", function()
    local function older(what)
      return one(database, ([[SELECT sum(hashtextextended(t::text, 0)) AS value FROM "%s" t
                              WHERE "startTime" < '2026-12-22 22:00Z']]):format(what))
    end
    local availabilities, slots = older "Availability", older "CalculatedAvailabilitySlot"
    set_clock(database, TUESDAY)
    load_into(database)
    assert.equal(availabilities, older "Availability")
    assert.equal(slots, older "CalculatedAvailabilitySlot")
    assert.same({ { day = "2026-12-23" } }, database.query [[
      SELECT DISTINCT ("startTime" AT TIME ZONE 'Africa/Johannesburg')::date AS day
      FROM "CalculatedAvailabilitySlot" WHERE "startTime" >= '2026-12-22 22:00Z']])
  end)

  it("raises the agenda's version of those who got time, and of no other", function()
    assert.same({ { version = "1", n = "5" }, { version = "2", n = "40" } },
      database.query [[SELECT "version", count(*) AS n FROM "ProviderAgenda" GROUP BY 1 ORDER BY 1]])
  end)

  -- Availabilities of Dr Mokoena on the day that Tuesday's load adds.
  local function new_day_of_mokoena()
    return one(database, [[SELECT count(*) AS value FROM "Availability" a JOIN "Provider" p ON p."id" = "providerId"
      WHERE p."name" = 'Dr Naledi Mokoena' AND "startTime" >= '2026-12-22 22:00Z']])
  end

  it("keeps what people changed", function()
    database.run [[UPDATE "Provider" SET "bio" = 'mine' WHERE "name" = 'Dr Naledi Mokoena';
                   UPDATE "User" SET "password" = 'changed' WHERE "email" = 'admin@demo.example']]
    load_into(database)
    assert.equal("mine", one(database, [[SELECT "bio" AS value FROM "Provider" WHERE "name" = 'Dr Naledi Mokoena']]))
    assert.equal("changed",
      one(database, [[SELECT "password" AS value FROM "User" WHERE "email" = 'admin@demo.example']]))
  end)

  it("leaves out hours that a provider has given to something else", function()
    database.run [[INSERT INTO "Availability" ("providerId", "startTime", "endTime", "createdById", "status")
      SELECT "id", '2026-12-23 06:00Z', '2026-12-23 07:00Z', "userId", 'ACCEPTED' FROM "Provider"
      WHERE "name" = 'Dr Naledi Mokoena']]
    set_clock(database, TUESDAY)
    load_into(database)
    assert.equal("2", new_day_of_mokoena())
  end)

  it("gives no time to a provider who was suspended since", function()
    database.run [[UPDATE "Provider" SET "status" = 'SUSPENDED' WHERE "name" = 'Dr Naledi Mokoena']]
    set_clock(database, TUESDAY)
    load_into(database)
    assert.equal("0", new_day_of_mokoena())
  end)
end)

describe("a demo load that cannot be done", function()
  it("says why and leaves nothing behind", function()
    local database = cluster.fresh "schema"
    database.run [[ALTER TABLE "CalculatedAvailabilitySlot" ADD CONSTRAINT no_slots CHECK ("price" < 1000)]]
    local result = try_load(database)
    assert.not_equal(0, result.code)
    assert.matches("violates check constraint \"no_slots\"", result.err)
    assert.equal("0", one(database, [[SELECT count(*) AS value FROM "User"]]))
  end)
end)
