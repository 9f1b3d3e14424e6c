-- Starts tests/tools/http_probe.c, the HTTP layer alone, with limits that a test chooses.

local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"

local probe = {}
probe.__index = probe

-- settings: limits by their names in src/net/http.h, and cors, trusted, forwarded, log, timing. Options:
-- prefix (argv in front, such as prlimit).
function probe.start(settings, options)
  local argv = {}
  for _, word in ipairs(options and options.prefix or {}) do argv[#argv + 1] = word end
  argv[#argv + 1] = paths.build() .. "/tests/tools/http_probe"
  for name, value in pairs(settings or {}) do argv[#argv + 1] = ("%s=%s"):format(name, value) end
  local self = setmetatable({ process = process.start(argv) }, probe)
  self.port = eventually(function() return tonumber(self.process:output():match "port (%d+)") end, {
    what = "the probe to listen",
    unless = function() return not self.process:is_running() and self.process:output() end })
  return self
end

function probe:connect(options)
  options = options or {}
  return assert(http.connect(self.port, { timeout = options.timeout or 20 }))
end

function probe:request(method, target, options)
  options = options or {}
  options.port = self.port
  return http.request(method, target, options)
end

function probe:stats() return self:request("GET", "/stats").json end

-- Waits until a counter of /stats has this value.
function probe:await(name, value)
  return eventually(function()
    local seen = self:stats()[name]
    if seen ~= value then error(("%s is %s"):format(name, seen), 0) end
    return true
  end, { what = ("%s to be %s"):format(name, value) })
end

function probe:log() return self.process:output() end

function probe:stop() return self.process:stop() end

return { start = probe.start }
