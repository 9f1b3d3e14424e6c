-- Homes of medbookd for tests: what an installation has of the tree, and scripts of the test.

local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local home = {}

-- A home of its own; fixtures are route files below tests/fixtures.
function home.with(...)
  local dir = temp.dir()
  for _, folder in ipairs { "lua", "migrations", "examples" } do
    process.check { "cp", "-r", paths.root .. "/" .. folder, dir }
  end
  for _, fixture in ipairs { ... } do
    process.check { "cp", paths.root .. "/tests/fixtures/" .. fixture, dir .. "/lua/routes/" }
  end
  return dir
end

return home
