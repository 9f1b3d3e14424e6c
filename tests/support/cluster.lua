-- Temporary PostgreSQL clusters: own data folder, unix socket, optionally a port on 127.0.0.1, no
-- fsync. As root the server runs as user postgres. Databases are copies of templates, so that each
-- spec has a fresh one in a fraction of a second. TEST_CLUSTER names a stopped cluster that has the
-- templates already; the test runner makes one for the whole run.

local native = require "support.native"
local eventually = require "support.eventually"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local scope = require "support.scope"
local temp = require "support.temp"

local cluster = {}
cluster.__index = cluster

local owner <const> = native.uid() == 0 and "postgres" or nil

local function program(name)
  return (paths.postgres() or error("PostgreSQL is not installed: no /usr/lib/postgresql/*/bin", 0)) .. "/" .. name
end

local function make_data(self)
  local ready = os.getenv "TEST_CLUSTER"
  if ready then
    process.check({ "cp", "-a", ready, self.data }, { user = owner })
  else
    process.check({ program "initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8",
                    "--locale=C", "--no-sync", "--data-checksums", "--wal-segsize=1" }, { user = owner, cwd = "/" })
  end
end

-- Makes and starts a cluster. Options: tcp (listen on 127.0.0.1 too), settings (name -> value of
-- postgresql.conf), scope ("file" unless told).
function cluster.start_new(options)
  options = options or {}
  local self = setmetatable({ scope = options.scope or "file", settings = options.settings or {},
                              tcp = options.tcp, serial = 0 }, cluster)
  self.dir = temp.dir(self.scope)
  if owner then assert(native.chown(self.dir, owner)) end
  self.data, self.log = self.dir .. "/data", self.dir .. "/postgres.log"
  self.port = native.free_port()
  make_data(self)
  scope.defer(function() self:stop "QUIT" end, self.scope)
  return self:start()
end

local function arguments(self)
  -- No fsync: a killed process loses nothing that it wrote, only a machine would. No compiled
  -- expressions, as in the embedded database.
  local settings = { fsync = "off", full_page_writes = "off", jit = "off",
                     max_connections = 120, shared_buffers = "64MB", log_min_messages = "warning",
                     unix_socket_directories = self.dir, port = self.port, timezone = "UTC",
                     listen_addresses = self.tcp and "127.0.0.1" or "", dynamic_shared_memory_type = "mmap" }
  for k, v in pairs(self.settings) do settings[k] = v end
  local argv = { program "postgres", "-D", self.data }
  for k, v in pairs(settings) do
    argv[#argv + 1] = "-c"
    argv[#argv + 1] = k .. "=" .. tostring(v)
  end
  return argv
end

-- Starts it (again, after stop or kill) and waits until it answers.
function cluster:start()
  self.process = process.start(arguments(self), { user = owner, cwd = self.dir, log = self.log,
                                                  scope = self.scope, death_signal = "QUIT" })
  eventually(function() return psql.can_connect(self:url "postgres") end, {
    within = 60, what = "PostgreSQL to answer",
    unless = function() return not self.process:is_running() and paths.read(self.log) end })
  return self
end

-- INT (the default) ends sessions and shuts down; TERM waits for sessions; QUIT leaves recovery to do.
function cluster:stop(signal)
  if self.process and self.process:is_running() then return self.process:stop(30, signal or "INT") end
end

-- Of a stopped cluster: leaves nothing of the log of changes, which would be copied with it.
function cluster:shorten_log()
  process.check({ program "pg_resetwal", "-D", self.data }, { user = owner, cwd = "/" })
end

-- As a power cut would: kills the postmaster and waits until all of its processes are gone.
function cluster:kill()
  local children = process.children(self.process.pid)
  self.process:kill()
  eventually(function()
    for _, pid in ipairs(children) do
      if native.readlink(("/proc/%d/exe"):format(pid)) then return false end
    end
    return true
  end, { what = "the processes of PostgreSQL to end" })
end

-- libpq connection string of a database. Options: tcp (through the port), user.
function cluster:url(database, options)
  options = options or {}
  return ("host=%s port=%d user=%s dbname=%s"):format(options.tcp and "127.0.0.1" or self.dir, self.port,
    options.user or "postgres", database)
end

local function exists(self, database)
  return #psql.query(self:url "postgres", ("SELECT 1 FROM pg_database WHERE datname = '%s'"):format(database)) > 0
end

local function medbookd(self, database, ...)
  local env = { MEDBOOKD_BIN = false, MEDBOOKD_DATABASE_URL = self:url(database),
                MEDBOOKD_DATA_DIR = temp.dir(), MEDBOOKD_HOME = os.getenv "MEDBOOKD_HOME" or paths.root }
  return process.check({ paths.binary(), ... }, { env = env, cwd = "/", within = 120 })
end

local makers = {
  schema = function(self)
    psql.run(self:url "postgres", "CREATE DATABASE tpl_schema")
    medbookd(self, "tpl_schema", "migrate", "up")
  end,
  demo = function(self)
    psql.run(self:url "postgres", "CREATE DATABASE tpl_demo TEMPLATE " .. self:template "schema")
    medbookd(self, "tpl_demo", "demo", "load")
  end,
}

-- Name of the template database of this kind, made on first use: empty, schema (migrated), demo
-- (migrated, with the demo clinic).
function cluster:template(kind)
  if kind == "empty" then return "template1" end
  local name = "tpl_" .. kind
  if not exists(self, name) then
    local ok, err = pcall(assert(makers[kind], "kinds are empty, schema, demo"), self)
    if not ok then
      psql.run(self:url "postgres", ("DROP DATABASE IF EXISTS %s (FORCE)"):format(name))
      error(err, 0)
    end
  end
  return name
end

-- A new database { cluster, name, url, query(sql), run(sql) } of this kind (default schema).
function cluster:database(kind)
  self.serial = self.serial + 1
  local name = ("t%d_%d"):format(native.getpid(), self.serial)
  psql.run(self:url "postgres", ("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy"):format(name,
    self:template(kind or "schema")))
  local database = { cluster = self, name = name, url = self:url(name) }
  function database.query(sql) return psql.query(database.url, sql) end
  function database.run(sql) return psql.run(database.url, sql) end
  function database.drop()
    psql.run(self:url "postgres", ("DROP DATABASE IF EXISTS %s (FORCE)"):format(name))
  end
  return database
end

local shared

-- The cluster of this test process, started on first use and stopped at its end. Tests that stop,
-- kill or fill a cluster start their own instead.
function cluster.shared()
  shared = shared or cluster.start_new { scope = "suite" }
  return shared
end

-- A fresh database in the shared cluster: empty, schema (default) or demo.
function cluster.fresh(kind) return cluster.shared():database(kind) end

return { start = cluster.start_new, shared = cluster.shared, fresh = cluster.fresh }
