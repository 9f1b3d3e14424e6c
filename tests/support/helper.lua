-- Loaded by busted before any spec (see .busted): makes the support library loadable, and after
-- every spec file closes its scope and fails it when a process was left behind.

local busted = require "busted"

dofile "tests/support/setup.lua"

local native = require "support.native"
local process = require "support.process"
local scope = require "support.scope"

-- Processes need a moment between their parent's end and their own.
local function remaining_strays()
  local deadline = native.now() + 3
  local strays = process.strays()
  while next(strays) and native.now() < deadline do
    native.sleep(0.05)
    strays = process.strays()
  end
  return strays
end

local function complain(element, text)
  local trace = { short_src = element.name, currentline = 0, traceback = "" }
  local culprit = { descriptor = "file", name = element.name .. " leaves nothing behind", trace = trace }
  busted.publish({ "error", "file" }, culprit, nil, text, trace)
end

local function end_of_file(element)
  for _, err in ipairs(scope.close "file") do complain(element, "cleaning up: " .. err) end
  for pid, command in pairs(remaining_strays()) do
    native.kill(pid, 9)
    complain(element, ("left process %d running: %s"):format(pid, command))
  end
  return nil, true
end

busted.subscribe({ "file", "end" }, end_of_file)
busted.subscribe({ "suite", "end" }, function()
  scope.close "suite"
  return nil, true
end)
