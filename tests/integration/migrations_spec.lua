-- The real migrations: up, down, step by step, killed on the way, many runners at once, and the trial
-- status whose steps a running server of the older kind must survive.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local seeded = require "chaos.seed"
local temp = require "support.temp"

local function newest()
  local versions = 0
  for _, name in ipairs(native.list(paths.root .. "/migrations")) do
    versions = math.max(versions, tonumber(name:match "^(%d+)_.*%.up%.sql$") or 0)
  end
  return versions
end

local NEWEST <const> = newest()

local function migration(url, ...)
  return { paths.binary(), "migrate", ... }, { cwd = "/", within = 120, env = {
    MEDBOOKD_DATABASE_URL = url, MEDBOOKD_DATA_DIR = temp.dir(), MEDBOOKD_HOME = paths.root } }
end

local function migrate(url, ...) return process.check(migration(url, ...)) end

-- What pg_dump says of the schema, without the random marks of newer versions.
local function dump(url)
  local text = process.check({ "pg_dump", "-s", "-T", "_medbookd_migrations", "-d", url }, { cwd = "/" }).out
  return (text:gsub("\\u?n?restrict %w+\n", ""))
end

-- The functions that are made anew whenever their file changes stay through single steps down.
local repeatable = {}
for _, file in ipairs(native.list(paths.root .. "/migrations")) do
  local text = file:find "^R__" and paths.read(paths.root .. "/migrations/" .. file) or ""
  for name in text:gmatch "CREATE OR REPLACE FUNCTION ([%w_]+)" do
    repeatable[name] = true
  end
end

local function dump_of_step(url)
  local kept = {}
  local text = dump(url):gsub("\nSET default_table[^\n]*\n", "") -- stands before the first table, in any section
  for section in (text:gsub("\n%-%-\n%-%- Name: ", "\0%0") .. "\0"):gmatch "(.-)%z" do
    local name = section:match "^\n%-%-\n%-%- Name: ([^\n]*)" or ""
    if not repeatable[name:gsub("^FUNCTION ", ""):match "^[%w_]+"] then kept[#kept + 1] = section end
  end
  return table.concat(kept)
end

local function assert_same_dump(expected, found)
  local rest = found .. "\n"
  for line in (expected .. "\n"):gmatch "(.-)\n" do
    local other = rest:match "^(.-)\n"
    assert.equal(line, other)
    rest = rest:sub(#other + 2)
  end
  assert.equal("", rest)
end

describe("the migrations", function()
  it("go up, down to nothing, and up to the same schema", function()
    local database = cluster.fresh "empty"
    local nothing = dump(database.url)
    migrate(database.url, "up")
    local first = dump(database.url)
    migrate(database.url, "down", "0")
    assert_same_dump(nothing, dump(database.url))
    migrate(database.url, "up")
    assert_same_dump(first, dump(database.url))
  end)

  it("go down one by one to the schema that was before each, and up again to the one after it", function()
    local database = cluster.fresh "empty"
    local before = dump_of_step(database.url)
    for version = 1, NEWEST do
      migrate(database.url, "up", tostring(version))
      local after = dump_of_step(database.url)
      migrate(database.url, "down")
      assert_same_dump(before, dump_of_step(database.url))
      migrate(database.url, "up", tostring(version))
      before = after
    end
    assert_same_dump(before, dump_of_step(database.url))
  end)

  it("are done once when eight runners start at once", function()
    local expected = dump(cluster.fresh("schema").url)
    local database = cluster.fresh "empty"
    local runners = {}
    for i = 1, 8 do runners[i] = process.start(migration(database.url, "up")) end
    for _, runner in ipairs(runners) do assert.same({ "exit", 0 }, { runner:wait(120) }, runner:output()) end
    assert_same_dump(expected, dump(database.url))
    local applied = 0
    for _, runner in ipairs(runners) do
      applied = applied + select(2, runner:output():gsub("applied [%w_]+ in", ""))
    end
    assert.equal(tonumber(psql.value(database.url, [[SELECT count(*) FROM "_medbookd_migrations"]])), applied)
  end)
end)

-- Counts what the runner's statements change, and holds the one that has the number told: there the
-- runner is killed. The server goes on with the statement and learns of the death only after it.
local HOLDING <const> = [[
  CREATE SCHEMA holding;
  CREATE SEQUENCE holding.passed;
  CREATE TABLE holding.at (number bigint);
  CREATE FUNCTION holding.hold() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
  DECLARE mine bigint := nextval('holding.passed');
  BEGIN
    WHILE EXISTS (SELECT FROM holding.at WHERE number = mine) LOOP PERFORM pg_sleep(0.01); END LOOP;
  END $$;
  CREATE EVENT TRIGGER holding ON ddl_command_end EXECUTE FUNCTION holding.hold()]]

describe("migrations whose runner is killed", function()
  local expected, steps

  local function prepared()
    local database = cluster.fresh "empty"
    database.run(HOLDING)
    return database
  end

  local function passed(database)
    return tonumber(psql.value(database.url, "SELECT last_value - (NOT is_called)::int FROM holding.passed"))
  end

  -- The whole schema without what holds.
  local function schema_of(database)
    database.run "DROP EVENT TRIGGER holding; DROP SCHEMA holding CASCADE"
    return dump(database.url)
  end

  setup(function()
    expected = dump(cluster.fresh("schema").url)
    local database = prepared()
    migrate(database.url, "up")
    steps = { up = passed(database) }
    migrate(database.url, "down", "0")
    steps.down = passed(database) - steps.up
    assert.is_true(steps.up > 100 and steps.down > 30)
  end)

  -- Runs it until `number` further statements have changed something, and kills it there. Those of a
  -- runner killed before that are still to come, as its server does not know yet, are waited for.
  local function kill_after(database, number, ...)
    eventually(function()
      return psql.value(database.url, [[SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()]]) == "0"
    end, { within = 120, what = "the server process of the last runner to end" })
    local before = passed(database)
    database.run(("INSERT INTO holding.at VALUES (%d)"):format(before + number))
    local runner = process.start(migration(database.url, ...))
    eventually(function() return passed(database) == before + number end, {
      within = 120, what = "the runner to be held",
      unless = function() return not runner:is_running() and "it ended: " .. runner:output() end })
    assert.same({ "signal", 9 }, { runner:kill() })
    database.run "DELETE FROM holding.at"
  end

  it("between any two statements go on to the same schema at the next run", function()
    math.randomseed(seeded.seed)
    for _ = 1, 3 do
      local database, at = prepared(), {}
      local ok, why = pcall(function()
        for i = 1, 4 do
          at[i] = "up " .. math.random(steps.up // 5)
          kill_after(database, tonumber(at[i]:match "%d+"), "up")
        end
        migrate(database.url, "up")
        for i = 5, 6 do
          at[i] = "down " .. math.random(steps.down // 3)
          kill_after(database, tonumber(at[i]:match "%d+"), "down", "0")
        end
        migrate(database.url, "up")
        assert_same_dump(expected, schema_of(database))
      end)
      seeded.assert_no(ok and {} or { ("killed at %s: %s"):format(table.concat(at, ", "), why) })
    end
  end)

  it("within a concurrent index have it whole after the next run", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up", "14")
    local writer = assert(io.popen(("psql -X -q -d '%s' >/dev/null"):format(database.url), "w"))
    writer:write 'BEGIN; LOCK TABLE "Provider" IN ROW EXCLUSIVE MODE;\n'
    writer:flush()
    eventually(function()
      return psql.value(database.url, [[SELECT pid FROM pg_locks WHERE mode = 'RowExclusiveLock' AND granted
        AND relation = '"Provider"'::regclass]])
    end, { what = "the writer to have its lock" })
    local runner = process.start(migration(database.url, "up"))
    local function waiting()
      return psql.value(database.url, [[SELECT pid FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted]])
    end
    eventually(waiting, { within = 60, what = "the index to wait for the writer" })
    assert.same({ "signal", 9 }, { runner:kill() })
    eventually(function() return not waiting() end, { what = "PostgreSQL to see that nobody waits for the index" })
    local valid = [[SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('"Provider_trialStatus_idx"')]]
    assert.equal("f", psql.value(database.url, valid))
    writer:write "ROLLBACK;\n"
    writer:close()
    migrate(database.url, "up")
    assert.equal("t", psql.value(database.url, valid))
    assert_same_dump(expected, dump(database.url))
  end)
end)

describe("the slugs of what was there before", function()
  it("are made of names, one for each row", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up", "49")
    psql.run(database.url, [[
      INSERT INTO "ProviderType" ("id", "name") VALUES ('1', 'Foot Doctor'), ('2', 'FOOT doctor'), ('3', '???');
      INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
      SELECT i::text, name, 5, 5, kind
        FROM (VALUES (1, 'Visit', '1'), (2, 'visit 2', '1'), (3, 'Visit', '1'), (4, 'Visit', '2')) v (i, name, kind);
      INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId", "createdAt")
      VALUES ('1', 'Number', 'TEXT', '1', '2026-01-01'), ('2', 'Number', 'TEXT', '1', '2026-02-01')]])
    migrate(database.url, "up")
    local function slugs(name)
      return psql.value(database.url, ([[SELECT string_agg("slug", ' ' ORDER BY "id") FROM "%s"]]):format(name))
    end
    assert.matches("^foot%-doctor foot%-doctor%-2 c[%l%d]+$", slugs "ProviderType")
    assert.equal("visit visit-2 visit-3 visit", slugs "Service")
    assert.equal("number number-2", slugs "RequirementType")
    assert.equal("2026-03-02 2026-04-02", psql.value(database.url, [[
      SELECT string_agg("effectiveFrom"::date::text, ' ' ORDER BY "id") FROM "RequirementType" WHERE "isActive"]]))
  end)
end)

describe("the time of a status that was there before", function()
  it("is that of its last step, else the last that the row tells", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up", "55")
    psql.run(database.url, [[
      INSERT INTO "User" ("id") VALUES ('1'), ('2'), ('3');
      INSERT INTO "Provider" ("id", "name", "userId", "image", "status", "createdAt", "approvedAt")
      VALUES ('1', 'x', '1', '', 'PENDING_APPROVAL', '2026-01-01', NULL),
             ('2', 'x', '2', '', 'APPROVED', '2026-01-01', '2026-02-01'),
             ('3', 'x', '3', '', 'PENDING_APPROVAL', '2026-01-01', NULL);
      INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus", "createdAt")
      VALUES ('Provider', '3', 'reject', 'PENDING_APPROVAL', 'REJECTED', '2026-03-01'),
             ('Provider', '3', 'reset', 'REJECTED', 'PENDING_APPROVAL', '2026-04-01')]])
    migrate(database.url, "up")
    assert.equal("2026-01-01 2026-02-01 2026-04-01", psql.value(database.url,
      [[SELECT string_agg("statusSince"::date::text, ' ' ORDER BY "id") FROM "Provider"]]))
  end)
end)

-- Servers of the release before write providers while the steps are taken: they know no trial columns.
describe("the trial status", function()
  local database

  local function register(id, more)
    psql.run(database.url, ([[INSERT INTO "User" ("id") VALUES ('%s');
      INSERT INTO "Provider" ("id", "name", "userId", "image"%s) VALUES ('%s', 'x', '%s', 'x'%s)]]):format(
        id, more and more[1] or "", id, id, more and more[2] or ""))
  end

  local function seen()
    local text = {}
    for i, row in ipairs(database.query [[SELECT "id", coalesce("trialStatus"::text, 'null') AS v FROM "Provider"
      ORDER BY "id"]]) do
      text[i] = row.id .. "=" .. row.v
    end
    return table.concat(text, " ")
  end

  before_each(function() database = cluster.fresh "empty" end)

  it("is right in the end for whatever was written between the steps", function()
    migrate(database.url, "up", "11")
    register "p11"
    migrate(database.url, "up", "13")
    register "p13"
    register("q13", { [[, "trialStatus"]], ", 'ACTIVE'" })
    migrate(database.url, "up", "14")
    register "p14"
    psql.run(database.url, [[UPDATE "Provider" SET "name" = 'renamed' WHERE "id" = 'p11']])
    register("q14", { [[, "status", "trialStatus"]], ", 'TRIAL_EXPIRED', 'EXPIRED'" })
    migrate(database.url, "up", "15")
    register "p15"
    assert.equal("p11=NOT_STARTED p13=NOT_STARTED p14=null p15=null q13=ACTIVE q14=EXPIRED", seen())
    migrate(database.url, "up")
    register "p16"
    assert.equal("p11=NOT_STARTED p13=NOT_STARTED p14=NOT_STARTED p15=NOT_STARTED p16=NOT_STARTED q13=ACTIVE "
      .. "q14=EXPIRED", seen())
  end)

  it("keeps what says something when its steps are taken back and taken again", function()
    migrate(database.url, "up")
    register "p"
    register("q", { [[, "trialStatus"]], ", 'CONVERTED'" })
    migrate(database.url, "down", "13")
    assert.equal("p=null q=CONVERTED", seen())
    migrate(database.url, "up")
    assert.equal("p=NOT_STARTED q=CONVERTED", seen())
  end)

  it("is not taken away from a provider whose status is TRIAL_EXPIRED", function()
    migrate(database.url, "up")
    register("p", { [[, "status"]], ", 'TRIAL_EXPIRED'" })
    assert.has_error(function() migrate(database.url, "down", "11") end)
    assert.equal("TRIAL_EXPIRED", psql.value(database.url, [[SELECT "status" FROM "Provider"]]))
  end)
end)

-- Providers of the release before are held to what they were held to until now.
describe("until when providers comply", function()
  local database

  local function ask(id, status, expires)
    psql.run(database.url, ([[INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId",
                                                             "isRequired")
      VALUES ('%s', '%s', 'TEXT', 'type', %s);
      INSERT INTO "RequirementSubmission" ("requirementTypeId", "providerId", "status", "documentMetadata", "expiresAt")
      VALUES ('%s', 'p', '%s', '{"value": "x"}', %s)]]):format(id, id, id ~= "optional", id, status, expires))
  end

  local function until_when()
    migrate(database.url, "up", "48")
    return psql.value(database.url, [[SELECT coalesce("compliantUntil"::text, 'never') FROM "Provider"]])
  end

  before_each(function()
    database = cluster.fresh "empty"
    migrate(database.url, "up", "47")
    psql.run(database.url, [[INSERT INTO "User" ("id") VALUES ('u');
      INSERT INTO "Provider" ("id", "name", "userId", "image", "status") VALUES ('p', 'x', 'u', 'x', 'ACTIVE');
      INSERT INTO "ProviderType" ("id", "name") VALUES ('type', 'x'), ('other', 'y');
      INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('p', 'type')]])
  end)

  it("is for ever where nothing was rejected and nothing expires", function()
    ask("waiting", "PENDING", "NULL")
    ask("optional", "REJECTED", "'2000-01-01'")
    assert.equal("infinity", until_when())
  end)

  it("is when the first of what is required expires, even if that was long ago", function()
    ask("first", "APPROVED", "'2031-01-01Z'")
    ask("second", "PENDING", "'2030-01-01Z'")
    assert.equal("2030-01-01 00:00:00+00", until_when())
    assert.equal("2", psql.value(database.url, [[SELECT count(*) FROM "RequirementSubmission"
      WHERE "approvedAt" IS NOT NULL AND "approvedMetadata" = '{"value": "x"}']]))
  end)

  it("is never where something required was rejected", function()
    ask("first", "APPROVED", "'2031-01-01Z'")
    ask("second", "REJECTED", "'2031-01-01Z'")
    assert.equal("never", until_when())
    assert.equal("1", psql.value(database.url, [[SELECT count(*) FROM "RequirementSubmission"
      WHERE "approvedAt" IS NULL]]))
  end)
end)

-- Configs of the release before are what a provider takes, or copies of it: nothing says which.
describe("the configs of a provider", function()
  it("stand once for each place: the oldest, and nothing of the rest is lost", function()
    local database = cluster.fresh "empty"
    migrate(database.url, "up", "50")
    psql.run(database.url, [[INSERT INTO "User" ("id") VALUES ('u'), ('v');
      INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('p', 'x', 'u', 'x'), ('q', 'x', 'v', 'x');
      INSERT INTO "ProviderType" ("id", "name") VALUES ('type', 'x');
      INSERT INTO "Organization" ("id", "name") VALUES ('o', 'x');
      INSERT INTO "Location" ("id", "organizationId", "name", "googlePlaceId", "formattedAddress", "coordinates")
      VALUES ('l', 'o', 'x', 'x', 'x', '{"lat": 0, "lng": 0}');
      INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
      VALUES ('s', 'x', 1, 1, 'type');
      INSERT INTO "ServiceAvailabilityConfig" ("id", "providerId", "serviceId", "locationId", "duration", "price",
                                               "createdAt") VALUES
        ('copy', 'p', 's', NULL, 1, 1, '2026-01-02'), ('first', 'p', 's', NULL, 1, 1, '2026-01-01'),
        ('place', 'p', 's', 'l', 1, 1, '2026-01-03'), ('other', 'q', 's', NULL, 1, 1, '2026-01-04')]])
    migrate(database.url, "up", "51")
    assert.equal("copy false 1,first true 1,other true 1,place true 1", psql.value(database.url, [[
      SELECT string_agg("id" || ' ' || "isStanding"::text || ' ' || "version", ',' ORDER BY "id")
        FROM "ServiceAvailabilityConfig" WHERE "isActive"]]))
  end)
end)
