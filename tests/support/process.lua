-- Child processes of the tests: started with a log file, stopped by id, and found again when one
-- escaped. Every descendant carries TEST_RUN_ID in its environment or works below a temporary
-- folder of this run; that is how strays are told from processes of others.

local native = require "support.native"
local scope = require "support.scope"
local temp = require "support.temp"
local paths = require "support.paths"

local run_id <const> = ("%d-%d"):format(native.getpid(), math.random(1 << 30))
local SIGNALS <const> = { HUP = 1, INT = 2, QUIT = 3, ABRT = 6, KILL = 9, USR1 = 10, USR2 = 12,
                          TERM = 15, CONT = 18, STOP = 19 }

local process = { signals = SIGNALS }
process.__index = process

local alive = {} -- pid -> process, those not yet waited for

local function number_of(signal)
  return math.type(signal) == "integer" and signal or assert(SIGNALS[signal], "unknown signal")
end

-- Starts argv. Options: env (text sets, false removes), cwd, user (only as root), log (file for
-- both outputs; default a temporary one), stdout, stderr, stdin (files), group (own process group),
-- death_signal (what the child gets when this process dies; default KILL), scope.
function process.start(argv, options)
  options = options or {}
  local self = setmetatable({ name = argv[1]:match "[^/]+$", scope = options.scope or "file" }, process)
  self.log = options.log or options.stdout or temp.dir(self.scope) .. "/log"
  local env = { TEST_RUN_ID = run_id }
  for k, v in pairs(options.env or {}) do env[k] = v end
  self.pid = assert(native.spawn(argv, {
    env = env, cwd = options.cwd, user = options.user, stdin = options.stdin,
    stdout = options.stdout or self.log, stderr = options.stderr or "stdout",
    group = options.group ~= false,
    death_signal = number_of(options.death_signal or "KILL"),
  }))
  alive[self.pid] = self
  scope.defer(function() self:kill() end, self.scope)
  return self
end

function process:is_running() return self:wait(0) == nil end

-- How it ended: "exit" or "signal" and its number; nil when it still runs after `seconds`.
function process:wait(seconds)
  if not self.how then
    local how, number = native.wait(self.pid, seconds)
    if how then
      alive[self.pid] = nil
      self.how, self.number = how, number
    end
  end
  return self.how, self.number
end

function process:signal(signal)
  if self.how then return nil, "not running" end
  return native.kill(self.pid, number_of(signal))
end

-- Asks it to end and returns how it did; after `seconds` (default 20) it is killed and this raises.
function process:stop(seconds, signal)
  self:signal(signal or "TERM")
  local how, number = self:wait(seconds or 20)
  if how then return how, number end
  self:kill()
  error(("%s did not end in time; its log:\n%s"):format(self.name, self:output():sub(-4000)), 2)
end

function process:kill()
  if self.how then return self.how, self.number end
  self:signal "CONT"
  self:signal "KILL"
  return self:wait(10)
end

function process:output() return paths.read(self.log) end

-- Runs argv to its end and returns { code, signal, out, err }. options as for start, and `input`
-- (text for its stdin) and `within` seconds (default 60).
function process.run(argv, options)
  options = options or {}
  local dir = temp.dir()
  local merged = { stdout = dir .. "/out", stderr = dir .. "/err" }
  for k, v in pairs(options) do merged[k] = v end
  if options.input then
    merged.stdin = dir .. "/in"
    paths.write(merged.stdin, options.input)
  end
  local child = process.start(argv, merged)
  local how, number = child:wait(options.within or 60)
  if not how then child:kill() end
  local result = { out = paths.read(merged.stdout), err = paths.read(merged.stderr),
                   code = how == "exit" and number or nil, signal = how == "signal" and number or nil,
                   timed_out = how == nil }
  native.rmtree(dir)
  return result
end

-- As run, but anything but exit code 0 raises with both outputs.
function process.check(argv, options)
  local result = process.run(argv, options)
  if result.code == 0 then return result end
  error(("%s: exit code %s, signal %s%s\n%s%s"):format(table.concat(argv, " "), result.code, result.signal,
    result.timed_out and ", timed out" or "", result.out, result.err), 2)
end

local function proc_file(pid, name)
  local file <close> = io.open(("/proc/%d/%s"):format(pid, name), "rb")
  return file and file:read "a" or ""
end

local function is_ours(pid)
  if ("\0" .. proc_file(pid, "environ")):find("\0TEST_RUN_ID=" .. run_id .. "\0", 1, true) then return true end
  local cwd = native.readlink(("/proc/%d/cwd"):format(pid)) or ""
  local dir = cwd:match "^(.*/mbtest%-%w+)"
  return dir ~= nil and temp.is_own(dir)
end

-- Processes of this run, apart from those with the scope "suite" and what these started:
-- { pid = command line }.
function process.strays()
  local parents, commands = {}, {}
  for _, name in ipairs(native.list "/proc" or {}) do
    local pid = math.tointeger(tonumber(name))
    if pid and pid ~= native.getpid() then
      local state, parent = proc_file(pid, "stat"):match "%) (%a) (%d+)"
      if state and state ~= "Z" then
        parents[pid] = math.tointeger(tonumber(parent))
        if is_ours(pid) then commands[pid] = proc_file(pid, "cmdline"):gsub("%z", " ") end
      end
    end
  end
  local function is_shared(pid)
    while pid and pid > 1 do
      if alive[pid] and alive[pid].scope == "suite" then return true end
      pid = parents[pid]
    end
    return false
  end
  local strays = {}
  for pid, command in pairs(commands) do
    if not is_shared(pid) then strays[pid] = command end
  end
  return strays
end

-- The processes that `pid` started and that still run.
function process.children(pid)
  local children = {}
  for _, name in ipairs(native.list "/proc" or {}) do
    local child = math.tointeger(tonumber(name))
    if child then
      local state, parent = proc_file(child, "stat"):match "%) (%a) (%d+)"
      if state and state ~= "Z" and tonumber(parent) == pid then children[#children + 1] = child end
    end
  end
  table.sort(children)
  return children
end

return process
