-- The programs of tests/tools as Lua calls: hammer, whose summaries come back as tables, and
-- faultproxy, steered over its control socket.

local cjson = require "cjson"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"
local eventually = require "support.eventually"
local unix = require "socket.unix"

local function program(name) return paths.build() .. "/tests/tools/" .. name end

-- { clients = 3 } -> "--clients", "3"
local function words(mode, port, options)
  local argv = { program "hammer", mode, "--address", "127.0.0.1:" .. port }
  for name, value in pairs(options) do
    argv[#argv + 1] = "--" .. name
    argv[#argv + 1] = tostring(value)
  end
  return argv
end

local function summary_of(text, errors)
  local line = text:match "{.*}"
  if not line then error("hammer said nothing:\n" .. errors, 3) end
  return cjson.decode(line)
end

-- Runs a mode of hammer to its end and returns what it saw. What it complained about is in
-- `complaints`.
local function hammer(mode, port, options)
  local result = process.run(words(mode, port, options), { within = 3600 })
  if result.code ~= 0 then
    error(("hammer %s ended with %s: %s"):format(mode, result.code or result.signal, result.err), 2)
  end
  local summary = summary_of(result.out, result.err)
  summary.complaints = result.err
  return summary
end

-- Starts hammer beside the test; `finish` asks it to end and returns what it saw.
local function start_hammer(mode, port, options)
  local dir = temp.dir()
  local child = process.start(words(mode, port, options), { stdout = dir .. "/out", stderr = dir .. "/err" })
  local run = {}
  function run.is_running() return child:is_running() end
  function run.finish()
    local _, code = child:stop(120)
    local complaints = paths.read(dir .. "/err")
    if code ~= 0 then error("hammer ended with " .. code .. ": " .. complaints, 2) end
    local summary = summary_of(paths.read(dir .. "/out"), complaints)
    summary.complaints = complaints
    return summary
  end
  return run
end

local proxy = {}
proxy.__index = proxy

function proxy:ask(line)
  local conn = assert(unix())
  conn:settimeout(5)
  assert(conn:connect(self.control))
  assert(conn:send(line .. "\n"))
  local answer = assert(conn:receive "*l")
  conn:close()
  return answer
end

-- One fault at a time; see tests/tools/faultproxy/fault.h for the words.
function proxy:arm(plan)
  if self:ask("arm " .. plan) ~= "ok" then error("faultproxy does not understand: " .. plan, 2) end
end

function proxy:report() return cjson.decode(self:ask "report") end
function proxy:cut() self:ask "cut" end
function proxy:stop() self.process:stop(10) end

-- Starts a proxy. Options: listen, server (addresses), protocol ("pg" or "raw"), seed.
local function start_proxy(options)
  local dir = temp.dir()
  local self = setmetatable({ control = dir .. "/control" }, proxy)
  self.process = process.start({ program "faultproxy", "--listen", options.listen, "--server", options.server,
                                 "--protocol", options.protocol, "--control", self.control,
                                 "--seed", tostring(options.seed or 1) }, { log = dir .. "/log" })
  eventually(function() return self:report() end, { what = "faultproxy to listen" })
  return self
end

return { hammer = hammer, start_hammer = start_hammer, start_proxy = start_proxy }
