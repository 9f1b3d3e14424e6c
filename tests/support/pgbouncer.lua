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
* = host=%s port=%d %s
[pgbouncer]
pool_mode = transaction
unix_socket_dir = %s
listen_port = %d
listen_addr =
logfile = %s
admin_users = postgres
ignore_startup_parameters = options
server_login_retry = 1
]]

-- Whoever comes is user postgres at the cluster; or those who are no superusers show a password, which PgBouncer looks
-- up there, and are there who they are here.
local ALL_ARE_ONE <const> = "user=postgres"
local ONE <const> = "auth_type = any\n"
local APART <const> = [[
auth_type = hba
auth_hba_file = %s/hba
auth_file = %s/users
auth_user = postgres
]]

local function write_users(self)
  paths.write(self.dir .. "/hba", "local all postgres trust\nlocal all all scram-sha-256\n")
  paths.write(self.dir .. "/users", '"postgres" ""\n')
  return APART:format(self.dir, self.dir)
end

-- before: the cluster. settings: name -> value, over those above. keeps_users: each is a user of their own.
function pgbouncer.start_before(before, settings, keeps_users)
  local self = setmetatable({ dir = temp.dir(), port = native.free_port() }, pgbouncer)
  self.log = self.dir .. "/pgbouncer.log"
  local text = CONFIG:format(before.dir, before.port, keeps_users and "" or ALL_ARE_ONE, self.dir, self.port, self.log)
  text = text .. (keeps_users and write_users(self) or ONE)
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
