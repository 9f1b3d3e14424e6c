-- luacheck finds nothing in any Lua file (rules: .luacheckrc).

local paths = require "support.paths"
local process = require "support.process"

describe("luacheck", function()
  it("has no warning", function()
    local result = process.run({ "luacheck", "--no-color", "--codes", "-q", "." }, { cwd = paths.root })
    assert(result.code == 0, result.out .. result.err)
  end)
end)

describe("the shell scripts", function()
  it("are accepted by bash", function()
    for _, script in ipairs { "dev", ".ci/run" } do
      local result = process.run({ "bash", "-n", script }, { cwd = paths.root })
      assert(result.code == 0, result.err)
    end
  end)
end)
