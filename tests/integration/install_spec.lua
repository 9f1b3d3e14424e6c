-- `cmake --install` into a fresh prefix gives a server that needs nothing of the source tree.

local cluster = require "support.cluster"
local lfs = require "lfs"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

describe("an installed medbookd", function()
  local prefix, program

  setup(function()
    prefix = temp.dir()
    process.check { "cmake", "--install", paths.build(), "--prefix", prefix }
    program = prefix .. "/bin/medbookd"
  end)

  local function run(...)
    return process.run({ program, ... }, { cwd = "/", env = { MEDBOOKD_BIN = false, MEDBOOKD_HOME = false } })
  end

  it("consists of the program, scripts, migrations and examples", function()
    local found = {}
    for name in lfs.dir(prefix .. "/share/medbookd") do
      if name:sub(1, 1) ~= "." then found[#found + 1] = name end
    end
    table.sort(found)
    assert.same({ "examples", "lua", "migrations", "plugins" }, found)
    assert.equal("file", lfs.attributes(program, "mode"))
  end)

  it("tells its version", function()
    local result = run "--version"
    assert.equal(0, result.code)
    assert.matches("%d+%.%d+%.%d+", result.out)
  end)

  it("finds and accepts its own scripts", function()
    local result = run "check"
    assert(result.code == 0, result.out .. result.err)
  end)

  it("serves the API", function()
    local site = server.start { binary = program, database = cluster.fresh "demo", workers = 1 }
    local response = site:get "/v1/providers?limit=1"
    assert.equal(200, response.status)
    assert.equal(1, #response.json.data)
    assert.same({ "exit", 0 }, { site:stop() })
  end)
end)
