-- The real medbookd as a child of the test: own ports, data folder and log; with its embedded
-- PostgreSQL, or on a database of support/cluster.lua.

local native = require "support.native"
local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local server = {}
server.__index = server

-- Variables that would steer medbookd but were meant for something else: name -> false, to be left out.
local function clean_environment()
  local env = {}
  for name in ("\0" .. paths.read "/proc/self/environ"):gmatch "%z(MEDBOOKD_[%w_]+)=" do env[name] = false end
  return env
end

-- All clients of a test share one address, and some tests are hundreds of them.
local MANY <const> = {
  MEDBOOKD_BOOKING_GUEST_RATE_ADDRESS = "1000000", MEDBOOKD_BOOKING_GUEST_RATE = "1000000",
  MEDBOOKD_HTTP_MAX_CONNECTIONS_PER_ADDRESS = "0", MEDBOOKD_AUTH_FAILURES_ADDRESS = "0",
  MEDBOOKD_AUTH_LINK_RATE_ADDRESS = "0",
}

local function environment(self, options)
  local env = clean_environment()
  for k, v in pairs(MANY) do env[k] = v end
  env.MEDBOOKD_LISTEN = "127.0.0.1:" .. self.port
  env.MEDBOOKD_ADMIN_LISTEN = "127.0.0.1:" .. self.admin_port
  env.MEDBOOKD_DATA_DIR = self.data_dir
  env.MEDBOOKD_HOME = not options.binary and paths.root
  env.MEDBOOKD_WORKERS = tostring(options.workers or 2)
  env.MEDBOOKD_HTTP_CHECK_ANSWERS = not options.binary and "true"
  env.MEDBOOKD_DATABASE_URL = options.database and (options.database.url or options.database) or nil
  for k, v in pairs(options.env or {}) do env[k] = v end
  return env
end

-- Options: database (of support/cluster.lua, or a connection string; none = embedded), workers
-- (default 2), binary (another medbookd, which finds its scripts itself), env (more variables, e.g.
-- MEDBOOKD_HTTP_MAX_BODY; false removes), args (after `run`), data_dir (to start again on an older
-- one), port, admin_port, wait = false (do not wait until it is ready), within (seconds to become
-- ready).
local function make(options)
  local self = setmetatable({ options = options }, server)
  self.binary = options.binary or paths.binary()
  self.port = options.port or native.free_port()
  self.admin_port = options.admin_port or native.free_port()
  self.dir = temp.dir()
  self.data_dir = options.data_dir or self.dir .. "/var"
  self.log_file = self.dir .. "/log"
  self.env = environment(self, options)
  return self
end

local function start(options)
  local self = make(options or {})
  return self:start()
end

-- Starts it again with the same settings.
function server:start()
  local argv = { self.binary, "run" }
  for _, word in ipairs(self.options.args or {}) do argv[#argv + 1] = word end
  -- TERM when the test dies: then it stops its PostgreSQL too, which KILL would leave running.
  self.process = process.start(argv, { env = self.env, cwd = self.dir, log = self.log_file, death_signal = "TERM" })
  if self.options.wait ~= false then self:await_ready(self.options.within) end
  return self
end

function server:await_ready(within)
  eventually(function()
    return http.request("GET", "/readyz", { port = self.port, timeout = 2 }).status == 200
  end, { within = within or 60, what = "/readyz to be green; log: " .. self.log_file, unless = function()
    return not self.process:is_running() and "medbookd ended; its log:\n" .. self:log()
  end })
  return self
end

-- Runs another verb of medbookd with the same settings: { code, out, err }.
function server:command(...)
  return process.run({ self.binary, ... }, { env = self.env, cwd = self.dir, within = 120 })
end

function server:request(method, target, options)
  local merged = { port = self.port }
  for k, v in pairs(options or {}) do merged[k] = v end
  return http.request(method, target, merged)
end

function server:get(target, options) return self:request("GET", target, options) end
function server:post(target, body, options)
  local merged = { body = body }
  for k, v in pairs(options or {}) do merged[k] = v end
  return self:request("POST", target, merged)
end

-- On the admin address: /metrics and health.
function server:admin(target) return self:request("GET", target, { port = self.admin_port }) end
function server:connect(options) return assert(http.connect(self.port, options)) end

function server:log() return paths.read(self.log_file) end

-- The fields of one line of the log: key=value, values with blanks in quotes.
local function parse_line(text)
  local fields, at = {}, 1
  while true do
    local key, stop = text:match("^%s*([%w_.]+)=()", at)
    if not key then return next(fields) and fields end
    if text:sub(stop, stop) == '"' then
      local finish = text:match('^"[^"\\]*()', stop)
      while text:sub(finish, finish) == "\\" do finish = text:match('^[^"\\]*()', finish + 2) end
      fields[key] = text:sub(stop + 1, finish - 1):gsub("\\(.)", "%1")
      at = finish + 1
    else
      fields[key], at = text:match("^(%S*)()", stop)
    end
  end
end

-- Lines of the structured log, as tables of fields, optionally those where `wanted(line)` is true.
function server:log_lines(wanted)
  local lines = {}
  for text in self:log():gmatch "[^\n]+" do
    local line = parse_line(text)
    if line and (not wanted or wanted(line)) then lines[#lines + 1] = line end
  end
  return lines
end

-- A thread writes the log, after what it tells of. Waits until it has this text (a pattern when is_pattern).
function server:await_log(text, is_pattern)
  eventually(function() return self:log():find(text, 1, not is_pattern) end,
    { within = 60, what = "in the log: " .. text })
end

-- Waits for a line where `wanted(line)` is true, and returns the first.
function server:await_line(wanted)
  return eventually(function() return self:log_lines(wanted)[1] end, { within = 60, what = "a line of the log" })
end

-- A figure of /metrics, summed over workers; by name, or by name and labels. Raises where there is none.
function server:figure(name)
  local sum
  for series, value in self:admin("/metrics").body:gmatch "([^\n ]+) ([%d.]+)" do
    if series == name or series:match "^([^{]+){worker=" == name then sum = (sum or 0) + tonumber(value) end
  end
  return sum or error("no series " .. name, 2)
end

-- What a process calls itself: medbookd, medbookd-jobs, postgres.
local function name_of(pid)
  local file <close> = io.open(("/proc/%d/comm"):format(pid), "r")
  return file and file:read "l"
end

-- Process ids of the supervisor's children; without jobs process and PostgreSQL unless all is true.
function server:workers(all)
  local pids = {}
  for _, pid in ipairs(process.children(self.process.pid)) do
    local exe = native.readlink(("/proc/%d/exe"):format(pid)) or ""
    if all or not exe:match "/postgres$" and name_of(pid) ~= "medbookd-jobs" then pids[#pids + 1] = pid end
  end
  return pids
end

-- The process id of the jobs process, or nil.
function server:jobs()
  for _, pid in ipairs(process.children(self.process.pid)) do
    if name_of(pid) == "medbookd-jobs" then return pid end
  end
end

-- The postmaster of the embedded PostgreSQL, or nil. It outlives a killed supervisor.
function server:postmaster()
  local file <close> = io.open(self.data_dir .. "/postgres/postmaster.pid", "r")
  return file and file:read "n"
end

-- Sends a signal by name to the supervisor, or to another process of this server.
function server:signal(signal, pid)
  return native.kill(pid or self.process.pid, process.signals[signal])
end

-- SIGTERM; returns "exit", 0 when all is well.
function server:stop(seconds) return self.process:stop(seconds or 30, "TERM") end

-- kill -9 of the supervisor alone.
function server:kill() return self.process:kill() end

-- Stops, in order, whatever still runs, and starts again with the same settings.
function server:restart()
  if self.process:is_running() then self:stop() end
  return self:start()
end

return { start = start, make = make, clean_environment = clean_environment }
