-- The commands that talk to an installation: they find its embedded database whatever the environment says
-- about others.
local hostile = require "support.libpq_environment"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

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
    local names = process.check({ "psql", "-XAtq", "-h", app.data_dir .. "/run", "-U", "medbookd", "-d", "medbookd",
      "-c", "SELECT DISTINCT application_name FROM pg_stat_activity WHERE usename <> '' ORDER BY 1" }).out
    assert.matches("medbookd\nmedbookd jobs\n", names, 1, true)
    assert.not_matches("stranger", names)
  end)

  for _, words in ipairs { { "migrate", "status" }, { "migrate", "up" }, { "jobs", "list" }, { "console" },
                           { "demo", "load" }, { "reload" } } do
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
