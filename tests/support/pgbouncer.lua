-- A PgBouncer in transaction mode before a cluster of support/cluster.lua: own folder and socket. As
-- root it runs as user postgres, like the cluster. It ignores the options that support/psql.lua sends.

local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local scope = require "support.scope"
local temp = require "support.temp"

local pgbouncer = {}
pgbouncer.__index = pgbouncer

local owner <const> = native.uid() == 0 and "postgres" or nil

local CONFIG <const> = [[
[databases]
* = host=%s port=%d user=postgres
[pgbouncer]
pool_mode = transaction
auth_type = any
unix_socket_dir = %s
listen_port = %d
listen_addr =
logfile = %s
admin_users = postgres
ignore_startup_parameters = options
]]

-- before: the cluster. settings: name -> value, over those above.
function pgbouncer.start_before(before, settings)
  local self = setmetatable({ dir = temp.dir(), port = native.free_port() }, pgbouncer)
  self.log = self.dir .. "/pgbouncer.log"
  local text = CONFIG:format(before.dir, before.port, self.dir, self.port, self.log)
  for key, value in pairs(settings or {}) do text = text .. key .. " = " .. value .. "\n" end
  paths.write(self.dir .. "/pgbouncer.ini", text)
  if owner then assert(native.chown(self.dir, owner)) end
  scope.defer(function() self:stop() end)
  return self:start()
end

function pgbouncer:start()
  self.process = process.start({ "/usr/sbin/pgbouncer", self.dir .. "/pgbouncer.ini" },
    { user = owner, cwd = self.dir, log = self.dir .. "/out", death_signal = "KILL" })
  eventually(function() return psql.can_connect(self:url "postgres") end, {
    what = "PgBouncer to answer",
    unless = function() return not self.process:is_running() and paths.read(self.dir .. "/out") end })
  return self
end

function pgbouncer:stop()
  if self.process:is_running() then self.process:stop(10, "TERM") end
end

function pgbouncer:kill() self.process:kill() end

-- libpq connection string of a database, through the pooler.
function pgbouncer:url(database)
  return ("host=%s port=%d user=postgres dbname=%s"):format(self.dir, self.port, database)
end

-- A command of its administration, as "KILL name".
function pgbouncer:admin(command) return psql.run(self:url "pgbouncer", command) end

return { start_before = pgbouncer.start_before }
