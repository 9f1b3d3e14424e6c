-- Plugins' own tables: made by their migrations, reached by named statements under a role that sees nothing else.
local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local FIXTURES <const> = paths.root .. "/tests/fixtures/tables"

local function copy_plugins()
  local dir = temp.dir()
  process.check { "cp", "-r", FIXTURES .. "/.", dir }
  return dir
end

local function run(app, name, ...)
  local values = {}
  for i, value in ipairs { ... } do values[i] = tostring(math.tointeger(value) or value) end
  local r = app:post("/v1/plugins/test.tables/run/" .. name, { values = #values > 0 and values or nil })
  assert.equal(200, r.status, r.body)
  return r.json
end

-- What it fails with.
local function why(app, name, ...)
  return run(app, name, ...).error or "it did not fail: " .. app:log():sub(-1)
end

describe("the tables of a plugin", function()
  local app

  setup(function()
    app = server.start { workers = 1, env = {
      MEDBOOKD_PLUGINS_FOLDER = copy_plugins(), MEDBOOKD_PLUGINS_RESULT_ROWS = "100",
      MEDBOOKD_PLUGINS_RESULT_BYTES = "4096", MEDBOOKD_PLUGINS_STATEMENT_TIMEOUT = "300ms",
      MEDBOOKD_PLUGINS_CONNECTIONS = "1",
    } }
  end)

  teardown(function() app:stop() end)

  it("take and give rows", function()
    local added = run(app, "add", "thandi", "called").rows
    assert.is_number(added[1].id)
    assert.same({}, run(app, "add_silently", "thandi", "called again").rows)
    assert.same({ "a", "b" }, run(app, "tag", added[1].id, "{a,b}").rows[1].tags)
    local list = run(app, "list").rows
    assert.same({ "called", "called again" }, { list[1].text, list[2].text })
    assert.same({ true, 2 }, { list[1].fresh, #list })
    assert.same({ x = 3, y = 4 }, run(app, "both", 3).rows[1])
    assert.same({}, run(app, "none").rows)
  end)

  it("tell a constraint as a value, anything else as an error", function()
    run(app, "add", "unique", "x")
    local failure = run(app, "add", "unique", "x").failure
    assert.same({ code = "constraint", sqlstate = "23505", constraint = "notes_patient_text_key" }, failure)
    assert.equal("23514", run(app, "add", "long", ("x"):rep(100)).failure.sqlstate)
    assert.matches("division by zero %(SQLSTATE 22012%)", why(app, "fails", 0))
    assert.matches("the manifest has no statement 'nothing'", why(app, "nothing"))
  end)

  it("are reached as a role of their own, in a schema of their own", function()
    assert.same({ user = "plugin_test.tables", session = "plugin_test.tables", schema = "plugin_test.tables" },
      run(app, "who").rows[1])
    assert.equal("UTC", run(app, "setting", "TimeZone").rows[1].v)
  end)

  it("answer no more rows and bytes than allowed, whatever was asked", function()
    assert.equal(100, #run(app, "many", 100).rows)
    assert.matches("more rows than plugins.result_rows allows %(100%)", why(app, "many", 101))
    assert.matches("statement timeout", why(app, "many", 1000000000))
    assert.matches("bytes as JSON; plugins.result_bytes allows 4096", why(app, "wide", 5000))
    assert.equal(4000, #run(app, "wide", 4000).rows[1].x)
  end)

  it("are all that it sees", function()
    for name, reason in pairs {
      reads_users = "permission denied", reads_other = "permission denied", reads_ledger = "permission denied",
      reads_passwords = "permission denied", reads_files = "permission denied", books = "permission denied",
      calls_server = "permission denied", becomes_app = "permission denied", becomes_owner = "permission denied",
      becomes_super = "permission denied", imports = "permission denied",
    } do
      assert.matches(reason, why(app, name), 1, true)
    end
    assert.same({}, run(app, "reads_statistics").rows)
  end)

  it("hold no statement for long, also when it lifts the limit of its session", function()
    assert.matches("statement timeout", why(app, "sleeps", 5))
    run(app, "never_ends")
    assert.equal("300ms", run(app, "setting", "statement_timeout").rows[1].v)
    assert.matches("statement timeout", why(app, "sleeps", 5))
  end)

  it("leave no lock behind, whether the statement succeeds or fails", function()
    run(app, "locks", 7)
    assert.equal(0, run(app, "held_locks").rows[1].n)
    why(app, "locks_and_fails", 8)
    assert.equal(0, run(app, "held_locks").rows[1].n)
  end)

  it("are in medbookd migrate status", function()
    local r = app:command("migrate", "status")
    assert.matches("plugin test.other\n", r.out, 1, true)
    assert.matches("plugin test.tables\n[^\n]*\n0001_create_notes%s+applied", r.out)
  end)
end)

describe("migrations of plugins", function()
  it("run at a reload, before the new scripts serve; a broken one changes nothing", function()
    local dir = copy_plugins()
    local app = server.start { workers = 1, env = { MEDBOOKD_PLUGINS_FOLDER = dir } }
    paths.write(dir .. "/test.tables/migrations/0002_add_urgency.up.sql", "ALTER TABLE notes ADD urgent bool;")
    paths.write(dir .. "/test.tables/migrations/0002_add_urgency.down.sql", "ALTER TABLE notes DROP urgent;")
    local file = dir .. "/test.tables/plugin.lua"
    paths.write(file, (paths.read(file):gsub("none = %[%[SELECT 1 AS one WHERE false%]%]",
      "none = [[SELECT count(urgent) AS n FROM notes]]")))
    local r = app:command "reload"
    assert.equal(0, r.code, r.err)
    assert.equal(0, run(app, "none").rows[1].n)
    paths.write(dir .. "/test.tables/migrations/0003_break.up.sql", "ALTER TABLE nothing ADD x int;")
    paths.write(dir .. "/test.tables/migrations/0003_break.down.sql", "SELECT 1;")
    r = app:command "reload"
    assert.equal(1, r.code)
    assert.matches("plugin test.tables: 0003_break.*nothing.*does not exist.*nothing was changed", r.err)
    assert.equal(0, run(app, "none").rows[1].n)
    app:stop()
  end)

  it("reach nothing of the server or of others", function()
    for _, sql in ipairs {
      [[DROP TABLE public."Booking"]], [[CREATE TABLE public.x (a int)]], [[DROP SCHEMA "plugin_test.other" CASCADE]],
      [[ALTER ROLE "plugin_test.tables" SUPERUSER]], [[CREATE ROLE x]], [[GRANT medbookd_owner TO CURRENT_USER]],
      [[COPY notes FROM PROGRAM 'id']],
    } do
      local dir = copy_plugins()
      paths.write(dir .. "/test.tables/migrations/0002_harm.up.sql", sql .. ";")
      paths.write(dir .. "/test.tables/migrations/0002_harm.down.sql", "SELECT 1;")
      local database = cluster.fresh "schema"
      local app = server.make { database = database, env = { MEDBOOKD_PLUGINS_FOLDER = dir } }
      local r = app:command("migrate", "up")
      assert.equal(1, r.code, sql)
      assert.matches("plugin test.tables: 0002_harm", r.err, 1, true)
      assert.is_truthy(r.err:find "permission denied" or r.err:find "must ", r.err)
      database.drop()
    end
  end)

  it("of a database that has a URL are the operator's, who can take them back", function()
    local database = cluster.fresh "schema"
    local app = server.make { database = database, env = { MEDBOOKD_PLUGINS_FOLDER = copy_plugins() } }
    local r = app:command "run"
    assert.not_equal(0, r.code)
    assert.matches("plugin test.other:.*medbookd migrate up", r.err)
    assert.equal(0, app:command("migrate", "up").code)
    assert.equal(0, app:command("migrate", "down", "--plugin", "test.tables").code)
    assert.matches("0001_create_notes%s+pending", app:command("migrate", "status", "--plugin", "test.tables").out)
    assert.equal(0, app:command("migrate", "up", "--plugin", "test.tables").code)
    r = app:command("migrate", "down", "--plugin", "no.such")
    assert.matches("plugin no.such: it has no folder migrations", r.err, 1, true)
    app:start()
    assert.same({ { "x" } }, { { run(app, "add", "p", "x").rows[1] and "x" } })
    assert.equal(1, #run(app, "list").rows)
  end)
end)

describe("statements of a plugin", function()
  local function check(sql)
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/a.b" }
    paths.write(dir .. "/a.b/plugin.lua", ([==[return { api = 1, name = "a.b", version = "1",
      capabilities = { "tables" }, tables = { it = [=[%s]=] } }]==]):format(sql))
    local r = process.run({ paths.binary(), "check" }, { env = { MEDBOOKD_PLUGINS_FOLDER = dir } })
    return r.code == 0 and "accepted" or r.err
  end

  for sql, reason in pairs {
    ["SELECT 1; SELECT 2"] = "without ;", ["SELECT 1) r) t; --"] = "a ) has no (", ["SELECT (1"] = "a ( has no )",
    ["SELECT 'x"] = "does not end", ['SELECT "x'] = "does not end", ["SELECT 1 /* x"] = "does not end",
    ["SELECT 1 /* /* x */"] = "does not end", ["SELECT $a$ x $b$"] = "does not end", ["SELECT E'\\''"] = "backslash",
    ["COPY t FROM PROGRAM 'id'"] = "it begins with", ["SET ROLE x"] = "it begins with", [""] = "it begins with",
    ["SELECT 1 -- )\n)"] = "a ) has no (", ["SELECT '(' || ')'))"] = "a ) has no (", ["SELECT $1$2)"] = "a ) has no (",
  } do
    it("are refused when one is " .. sql:gsub("\n", " "), function()
      assert.matches("statement 'it': [^\n]*" .. reason:gsub("[()]", "%%%0"), check(sql))
    end)
  end

  for _, sql in ipairs {
    "SELECT ')' , \")\" FROM t -- )", "SELECT $$)$$, $a$ ) $a$, (1)", "SELECT 1 /* ) /* ) */ ) */", "VALUES (1), (2)",
    "select 'it''s'", "WITH a AS (SELECT 1) SELECT * FROM a", "DELETE FROM t WHERE a = $1", "SELECT 100 % 7",
  } do
    it("may be " .. sql, function() assert.equal("accepted", check(sql)) end)
  end

  it("need the capability, and a name", function()
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/a.b" }
    paths.write(dir .. "/a.b/plugin.lua",
      [[return { api = 1, name = "a.b", version = "1", capabilities = {}, tables = { Bad = "SELECT 1" } }]])
    local r = process.run({ paths.binary(), "check" }, { env = { MEDBOOKD_PLUGINS_FOLDER = dir } })
    assert.matches("'tables' is used but not among the capabilities", r.err, 1, true)
    assert.matches("statement 'Bad': its name is a small letter", r.err, 1, true)
  end)
end)

describe("migrations of a plugin", function()
  for what, case in pairs {
    ["a way down that is missing"] = { { ["0001_a.up.sql"] = "CREATE TABLE a (id text);" }, "0001_a" },
    ["a number left out"] = {
      { ["0002_b.up.sql"] = "CREATE TABLE b (id text);", ["0002_b.down.sql"] = "DROP TABLE b;" }, "0002",
    },
    ["a transaction of its own"] = {
      { ["0001_a.up.sql"] = "BEGIN; CREATE TABLE a (id text);", ["0001_a.down.sql"] = "DROP TABLE a;" }, "BEGIN",
    },
  } do
    it("are checked without a database: " .. what, function()
      local dir = temp.dir()
      process.check { "mkdir", "-p", dir .. "/a.b/migrations" }
      paths.write(dir .. "/a.b/plugin.lua", [[return { api = 1, name = "a.b", version = "1",
        capabilities = { "tables" }, tables = { it = "SELECT 1" } }]])
      for name, sql in pairs(case[1]) do paths.write(dir .. "/a.b/migrations/" .. name, sql) end
      local r = process.run({ paths.binary(), "check" }, { env = { MEDBOOKD_PLUGINS_FOLDER = dir } })
      assert.equal(1, r.code)
      assert.matches("plugin a.b: ", r.err, 1, true)
      assert.matches(case[2], r.err, 1, true)
      assert.equal("", r.out)
    end)
  end
end)

describe("tests of a plugin with tables", function()
  it("see what they write and leave nothing", function()
    local r = process.run({ paths.binary(), "plugin", "test", "test.tables", "--set", "plugins.folder=" .. FIXTURES },
      { env = { TMPDIR = temp.dir(), MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = paths.root }, within = 120 })
    assert.matches("3 successes / 0 failures / 0 errors", r.out, 1, true)
    assert.equal(0, r.code, r.err)
  end)
end)
