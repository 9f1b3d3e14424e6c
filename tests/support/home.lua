-- Homes of medbookd for tests: the scripts and migrations of the tree, and routes of the test.

local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local home = {}

-- A home of its own; the fixture, if any, is a route file below tests/fixtures.
function home.with(fixture)
  local dir = temp.dir()
  for _, folder in ipairs { "lua", "migrations" } do
    process.check { "cp", "-r", paths.root .. "/" .. folder, dir .. "/" .. folder }
  end
  if fixture then process.check { "cp", paths.root .. "/tests/fixtures/" .. fixture, dir .. "/lua/routes/" } end
  return dir
end

return home
