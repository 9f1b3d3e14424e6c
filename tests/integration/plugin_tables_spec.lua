-- Plugins' own tables: made by their migrations, reached by named statements under a role that sees nothing else.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"
local temp = require "support.temp"

local FIXTURES <const> = paths.root .. "/tests/fixtures/tables"

local function copy_plugins(from)
  local dir = temp.dir()
  process.check { "cp", "-r", (from or FIXTURES) .. "/.", dir }
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
      MEDBOOKD_PLUGINS_RESULT_BYTES = "4096", MEDBOOKD_PLUGINS_STATEMENT_TIMEOUT = "4s",
      MEDBOOKD_PLUGINS_CONNECTIONS = "1", MEDBOOKD_PLUGINS_WORK_MEM = "64KB", MEDBOOKD_PLUGINS_TEMP_FILES = "1MB",
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
    assert.same({ text = "moved" }, run(app, "moves", "thandi", "moved").rows[1])
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
    assert.matches("more than 100 rows; plugins.result_rows", why(app, "many", 101), 1, true)
    assert.matches("more than 4096 bytes; plugins.result_rows", why(app, "wide", 5000), 1, true)
    assert.equal(4000, #run(app, "wide", 4000).rows[1].x)
  end)

  local function peak(pid)
    local file <close> = assert(io.open(("/proc/%d/status"):format(pid)))
    return tonumber(file:read("a"):match "VmHWM:%s+(%d+)") * 1024
  end

  local function database_log() return #paths.read(app.data_dir .. "/postgres.log") end

  it("take no memory of the server and no room in the log of the database for one value or message", function()
    local worker, log = app:workers()[1], database_log()
    local before = peak(worker)
    assert.matches("more than 4096 bytes", why(app, "wide", 20000000), 1, true)
    assert.matches("more than 4096 bytes", why(app, "complains", 20000000), 1, true)
    assert.matches("invalid input syntax", why(app, "complains", 10), 1, true)
    assert.is_true(peak(worker) - before < 2 << 20)
    assert.is_true(database_log() - log < 1 << 20)
    assert.equal(worker, app:workers()[1])
  end)

  it("see, set and hold nothing else", function()
    for _, name in ipairs {
      "reads_passwords", "reads_files", "becomes_app", "becomes_owner", "becomes_super", "never_ends", "sleeps",
      "locks", "tries_locks", "notifies", "imports", "keeps_objects", "writes_log", "makes_table", "makes_temporary",
      "rewrites_ledger",
    } do
      assert.matches("permission denied", why(app, name), 1, true, name)
    end
    assert.same({}, run(app, "reads_statistics").rows)
  end)

  it("have limits of time, memory and files, and read only until they turn out to write", function()
    assert.same({ timeout = "4s", memory = "64kB", files = "1MB", readOnly = "on" }, run(app, "sees").rows[1])
    assert.matches("statement timeout", why(app, "counts", 10000000000), 1, true)
    assert.matches("temporary file size exceeds temp_file_limit", why(app, "spills"), 1, true)
    local url = ("host=%s/run port=5432 user=medbookd dbname=medbookd"):format(app.data_dir)
    assert.same({ { limit = "4", login = "f", owned = "0" } }, psql.query(url, [[
      SELECT r.rolconnlimit AS "limit", o.rolcanlogin AS login,
             (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned
        FROM pg_roles r, pg_roles o
       WHERE r.rolname = 'plugin_test.tables' AND o.rolname = 'plugin_test.tables:owner']]))
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

  it("stay when what comes after them fails, which the answer says", function()
    local dir = copy_plugins()
    local app = server.start { workers = 1, env = { MEDBOOKD_PLUGINS_FOLDER = dir } }
    local serving = app:get("/readyz").json.generation
    local function write(name, up, down)
      paths.write(("%s/test.tables/migrations/%s.up.sql"):format(dir, name), up)
      paths.write(("%s/test.tables/migrations/%s.down.sql"):format(dir, name), down)
    end
    local function refused(applied)
      local told = applied and ("the scripts were not changed, generation %s serves; applied, and not taken back: %s; "
        .. "medbookd migrate down --plugin NAME takes the last one back"):format(serving, applied)
        or ("nothing was changed; generation %s serves"):format(serving)
      local r = http.request("POST", "/v1/admin/reload", { port = app.admin_port, timeout = 60 })
      assert.same({ 422, told }, { r.status, r.json.detail })
    end
    write("0002_add_urgency", "ALTER TABLE notes ADD urgent bool;", "ALTER TABLE notes DROP urgent;")
    write("0003_add_more", "ALTER TABLE notes ADD more int;", "ALTER TABLE notes DROP more;")
    write("0004_break", "ALTER TABLE nothing ADD x int;", "SELECT 1;")
    refused "test.tables 0002_add_urgency, test.tables 0003_add_more"
    refused(nil)
    -- What PostgreSQL says of the statements is asked when the tables are there.
    local file = dir .. "/test.tables/plugin.lua"
    paths.write(file, (paths.read(file):gsub("none = %[%[SELECT 1", "none = [[SELECT missing")))
    write("0004_break", "ALTER TABLE notes ADD yet int;", "ALTER TABLE notes DROP yet;")
    refused "test.tables 0004_break"
    local r = app:command("migrate", "down", "--plugin", "test.tables")
    assert.same({ 0, "" }, { r.code, (r.err:gsub("medbookd: reverted 0004_break[^\n]*\n", "")) })
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

-- A plugin that means harm, in a database that lets it write functions: one of somebody else's.
describe("in a database that has a URL, the tables of a plugin", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    app = server.make { workers = 1, database = database, env = {
      MEDBOOKD_PLUGINS_FOLDER = copy_plugins(FIXTURES .. "_foreign"), MEDBOOKD_PLUGINS_STATEMENT_TIMEOUT = "200ms",
      MEDBOOKD_DATABASE_CANCEL_TIMEOUT = "300ms", MEDBOOKD_PLUGINS_CONNECTIONS = "1",
      MEDBOOKD_PLUGINS_SCHEMA_SIZE = "1MB", MEDBOOKD_PLUGINS_MEASURE_INTERVAL = "100ms",
    } }
    local r = app:command("migrate", "up")
    assert.equal(0, r.code, r.err)
    app:start()
  end)

  teardown(function()
    app:stop()
    database.drop()
  end)

  local function ask(name)
    local r = app:post("/v1/plugins/test.foreign/run/" .. name)
    assert.equal(200, r.status, r.body)
    return r.json
  end

  local function admin()
    return app:admin("/v1/admin/plugins").json.plugins[1]
  end

  it("are named at the start, once, with what this one allows", function()
    app:await_line(function(it) return it.gaps end)
    local lines = app:log_lines(function(it) return it.gaps end)
    assert.equal(1, #lines)
    assert.matches("EXECUTE on set_config.*USAGE on plpgsql.*TEMPORARY$", lines[1].gaps)
  end)

  it("end what obeys no cancel, which is one kill however many there are", function()
    for _ = 1, 3 do assert.is_string(ask("never_ends").error) end
    eventually(function()
      return psql.value(database.url, [[SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'plugin_test.foreign' AND state = 'active']]) == "0"
    end, { what = "no statement to run any more" })
    assert.same({ 1, "ACTIVE" }, { admin().kills, admin().state })
    assert.equal(1, #ask("remains").rows)
  end)

  it("leave nothing in a session, and nothing that a role stores counts", function()
    local clean = {
      timeout = "200ms", checks = "1s", dates = "ISO, MDY", memory = "4MB", schema = "plugin_test.foreign",
      user = "plugin_test.foreign", made = false, channels = 0, locks = 0,
    }
    for _, how in ipairs { "spoils", "spoils_late" } do
      assert.equal(1, ask(how).rows[1].x)
      assert.same(clean, ask("remains").rows[1])
    end
    local session = ask("session").rows[1].pid
    psql.run(database.url, ("SELECT pg_terminate_backend(%d)"):format(session))
    eventually(function() return ask("session").rows[1].pid ~= session end)
    assert.same(clean, ask("remains").rows[1])
  end)

  it("write nothing into the log of the database", function()
    local before = #paths.read(database.cluster.log)
    assert.equal(1, ask("writes_log").rows[1].x)
    assert.is_true(#paths.read(database.cluster.log) - before < 100000)
  end)

  it("take no more rows when the schema is too large, and do again when it is not", function()
    ask "fill"
    eventually(function() return admin().schemaIsFull end, { what = "the schema to be too large" })
    assert.matches("over plugins.schema_size", ask("add").error, 1, true)
    assert.same({}, ask("empty").rows)
    psql.run(database.url, [[VACUUM FULL "plugin_test.foreign".rows]])
    eventually(function() return not admin().schemaIsFull end, { what = "the schema to be small again" })
    assert.equal(0, ask("add").rows[1].id)
  end)

  it("are reached by no connection that is older than plugins.max_lifetime", function()
    local own = cluster.fresh "schema"
    local renewed = server.make { workers = 1, database = own, env = {
      MEDBOOKD_PLUGINS_FOLDER = copy_plugins(FIXTURES .. "_foreign"), MEDBOOKD_PLUGINS_MAX_LIFETIME = "1s" } }
    assert.equal(0, renewed:command("migrate", "up").code)
    renewed:start()
    local first
    eventually(function()
      assert.equal(200, renewed:post("/v1/plugins/test.foreign/run/remains").status)
      local pid = psql.value(own.url, [[SELECT pid FROM pg_stat_activity
        WHERE usename = 'plugin_test.foreign' AND datname = current_database()]])
      first = first or pid
      return pid ~= first
    end)
    renewed:stop()
    own.drop()
  end)

  for what, sql in pairs {
    ["a function with the rights of its owner"] = {
      [[CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';]], "f%(%) is SECURITY DEFINER",
    },
    ["a rule"] = {
      [[CREATE RULE r AS ON DELETE TO rows DO ALSO INSERT INTO rows VALUES (1);]], "a rule of [^\n]*rows",
    },
  } do
    it("cannot have " .. what, function()
      local dir = copy_plugins(FIXTURES .. "_foreign")
      paths.write(dir .. "/test.foreign/migrations/0002_harm.up.sql", sql[1])
      paths.write(dir .. "/test.foreign/migrations/0002_harm.down.sql", "SELECT 1;")
      local own = cluster.fresh "schema"
      local r = server.make({ database = own, env = { MEDBOOKD_PLUGINS_FOLDER = dir } }):command("migrate", "up")
      assert.equal(1, r.code)
      assert.matches("plugin test.foreign: [^\n]*" .. sql[2], r.err)
      own.drop()
    end)
  end
end)

describe("statements of a plugin", function()
  local REFUSED <const> = {
    { [[DO 'BEGIN END']], "syntax error" }, { [[CREATE TABLE x (a int)]], "syntax error" },
    { [[LISTEN a]], "syntax error" }, { [[SET work_mem = '1GB']], "syntax error" },
    { [[ALTER ROLE CURRENT_USER SET work_mem = '1GB']], "syntax error" }, { [[COPY notes TO STDOUT]], "syntax error" },
    { [[COMMIT]], "syntax error" }, { [[CALL f()]], "syntax error" }, { [[-- nothing]], "syntax error" },
    { [[SELECT 1; SELECT 2]], "multiple commands" }, { "SELECT 1 --\r; DO 'BEGIN END'", "multiple commands" },
    { "SELECT 1) r) t; --", "syntax error" }, { "SELECT 'x", "unterminated" },
    { "SELECT nothing FROM notes", "nothing" },
    { [[SELECT * FROM public."User"]], "permission denied for schema" },
    { [[SELECT * FROM "plugin_test.other".secrets]], "permission denied for schema" },
    { [[SELECT * FROM public."_medbookd_migrations"]], "permission denied for schema" },
    { [[INSERT INTO public."Booking" ("id") VALUES ('x')]], "permission denied for schema" },
    { [[SELECT public.mb_cuid()]], "permission denied for schema" },
  }

  it("are what PostgreSQL takes for a query, which a reload says of each", function()
    local dir = copy_plugins()
    local app = server.start { workers = 1, env = { MEDBOOKD_PLUGINS_FOLDER = dir } }
    local file, texts = dir .. "/test.tables/plugin.lua", {}
    local sound = paths.read(file)
    for i, case in ipairs(REFUSED) do texts[i] = ("case%d = %q,\n"):format(i, case[1]):gsub("\\\n", "\\n") end
    paths.write(file, (sound:gsub("tables = {", function() return "tables = {\n" .. table.concat(texts) end, 1)))
    local r = app:command "reload"
    assert.equal(1, r.code)
    for i, case in ipairs(REFUSED) do
      assert.matches(("statement 'case%d': [^\n]*%s"):format(i, case[2]), r.err)
    end
    assert.equal(1, run(app, "add", "p", "x").rows[1].id)
    for _, sql in ipairs {
      "SELECT ')' , \")\" FROM (VALUES (1)) t (\")\") -- )", "SELECT $$)$$, $a$ ) $a$, (1)", "VALUES (1), (2)",
      "select 'it''s', E'\\''", "MERGE INTO notes USING (VALUES (1)) t (a) ON false WHEN MATCHED THEN DELETE",
      "DELETE FROM notes WHERE id = $1;",
    } do
      paths.write(file, (sound:gsub("tables = {", function() return ("tables = { case = %q,"):format(sql) end, 1)))
      r = app:command "reload"
      assert.equal(0, r.code, sql .. ": " .. r.err)
    end
    app:stop()
  end)

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
