-- The commands that talk to an installation: they find its embedded database whatever the environment says
-- about others, and make nothing where there is none.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local hostile = require "support.libpq_environment"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

-- Runs a command of medbookd in a folder, whose `var` is its data folder.
local function run_in(dir, words, env)
  local all = { MEDBOOKD_DATA_DIR = dir .. "/var", MEDBOOKD_HOME = paths.root, MEDBOOKD_DATABASE_URL = false }
  for k, v in pairs(env or {}) do all[k] = v end
  return process.run({ paths.binary(), table.unpack(words) },
    { env = all, cwd = dir, input = "sql 'SELECT 1'\n", within = 120 })
end

describe("libpq's environment", function()
  local app, work

  setup(function()
    app = server.start { workers = 1, env = hostile }
    work = app.dir
  end)

  it("does not reach the embedded database of a server", function()
    local names
    eventually(function() -- the jobs process may still be about to connect
      names = process.check({ "psql", "-XAtq", "-h", app.data_dir .. "/run", "-U", "medbookd", "-d", "medbookd",
        "-c", "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename <> '' ORDER BY 1" }).out
      return names:find("medbookd\nmedbookd jobs\n", 1, true)
    end)
    assert.not_matches("stranger", names)
  end)

  for _, words in ipairs { { "migrate", "status" }, { "migrate", "up" }, { "jobs", "list" }, { "console" },
                           { "demo", "load" }, { "reference", "load" }, { "reload" } } do
    it("does not reach that of medbookd " .. table.concat(words, " "), function()
      local r = run_in(work, words, hostile)
      assert.equal(0, r.code, r.err)
    end)
  end

  for _, name in ipairs { "PGSERVICE", "PGOPTIONS", "PGTARGETSESSIONATTRS", "PGCHANNELBINDING", "PGHOSTADDR" } do
    it("does not reach it through " .. name .. " alone", function()
      local r = run_in(work, { "jobs", "list" }, { [name] = hostile[name] })
      assert.equal(0, r.code, r.err)
    end)
  end

  it("does not reach it when nothing runs and a command starts the database", function()
    assert.same({ "exit", 0 }, { app:stop() })
    local r = run_in(work, { "jobs", "list" }, hostile)
    assert.equal(0, r.code, r.err)
    assert.is_nil(app:postmaster())
  end)
end)

local COMMANDS <const> = { { "jobs", "list" }, { "console" }, { "migrate", "status" }, { "migrate", "up" },
                           { "migrate", "down" }, { "demo", "load" }, { "reference", "load" }, { "reload" },
                           { "rollback" } }

describe("where there is no installation", function()
  for _, words in ipairs(COMMANDS) do
    it("medbookd " .. table.concat(words, " ") .. " makes nothing and says what to do", function()
      local dir = temp.dir()
      local r = run_in(dir, words)
      assert.equal(1, r.code)
      assert.equal(("medbookd: data folder %s/var: no medbookd has used it; set data_dir to that of the "
        .. "installation, or make one with medbookd run\n"):format(dir), r.err)
      assert.same({}, native.list(dir))
    end)
  end

  it("a folder of something else stays as it is", function()
    local dir = temp.dir()
    process.check { "mkdir", "-m", "755", dir .. "/var" }
    paths.write(dir .. "/var/letter", "dear")
    local before = process.check({ "stat", "-c", "%a %u %Y", dir .. "/var" }).out
    local r = run_in(dir, { "jobs", "list" })
    assert.equal(1, r.code)
    assert.matches("no medbookd has used it", r.err, 1, true)
    assert.same({ "letter" }, native.list(dir .. "/var"))
    assert.equal(before, process.check({ "stat", "-c", "%a %u %Y", dir .. "/var" }).out)
  end)

  it("a first start that came to no database is not taken for one", function()
    local dir = temp.dir()
    local first = run_in(dir, { "run" }, { MEDBOOKD_LISTEN = "192.0.2.1:1" })
    assert.equal(1, first.code)
    local r = run_in(dir, { "jobs", "list" })
    assert.equal(1, r.code)
    assert.matches("there is no database yet; medbookd run makes it\n$", r.err)
  end)
end)

describe("with a database by URL", function()
  it("no data folder is needed to ask it, and none is made", function()
    local url = cluster.fresh().url
    for _, words in ipairs { { "jobs", "list" }, { "console" }, { "migrate", "status" } } do
      local dir = temp.dir()
      local r = run_in(dir, words, { MEDBOOKD_DATABASE_URL = url })
      assert.equal(0, r.code, r.err)
      assert.same({}, native.list(dir))
    end
  end)

  it("one in which nothing was set up is told, with what sets it up", function()
    local url = cluster.fresh("empty").url
    for _, words in ipairs { { "jobs", "list" }, { "console" }, { "reference", "load" } } do
      local r = run_in(temp.dir(), words, { MEDBOOKD_DATABASE_URL = url })
      assert.equal(1, r.code)
      assert.equal("medbookd: database: nothing has been set up in it; check database.url; medbookd migrate up sets "
        .. "it up\n", r.err)
    end
  end)

  it("one that does not answer is told, with the key to look at", function()
    local port = native.free_port()
    for _, words in ipairs { { "run" }, { "jobs", "list" }, { "console" }, { "migrate", "status" }, { "migrate", "up" },
                             { "demo", "load" }, { "reference", "load" } } do
      local r = run_in(temp.dir(), words, { MEDBOOKD_DATABASE_URL = ("postgresql://x@127.0.0.1:%d/x"):format(port),
                                            MEDBOOKD_DATABASE_CONNECT_TIMEOUT = "1ms" })
      assert.equal(1, r.code)
      assert.matches(("^medbookd: database: [^\n]+port %d failed[^\n]+; check database.url\n$"):format(port), r.err)
    end
  end)
end)
