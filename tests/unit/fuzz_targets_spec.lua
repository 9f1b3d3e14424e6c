-- A short, seeded run of every fuzz target (tests/fuzz/fuzz_<subject>.c); the long one is ./dev fuzz.
-- TEST_FUZZ_BUILD names the build that has them, as ./dev test does; then a missing one is a failure
-- and no reason to skip.

local lfs = require "lfs"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local RUNS <const> = 20000
local LONGEST <const> = 30 -- seconds; a slow machine does fewer runs
local SEED <const> = 20

local named <const> = os.getenv "TEST_FUZZ_BUILD"
local build <const> = paths.root .. "/" .. (named or "build/clang")

local function targets()
  local names = {}
  for _, file in ipairs(native.list "tests/fuzz" or {}) do
    names[#names + 1] = file:match "^(fuzz_.*)%.c$"
  end
  table.sort(names)
  return names
end

local function run(name)
  local found = temp.dir() -- new inputs go here, the seeds are only read
  local argv = { build .. "/tests/fuzz/" .. name, "-runs=" .. RUNS, "-max_total_time=" .. LONGEST, "-seed=" .. SEED,
                 "-artifact_prefix=" .. found .. "/", found }
  local seeds = "tests/fuzz/corpus/" .. name:gsub("^fuzz_", "")
  if lfs.attributes(seeds, "mode") == "directory" then argv[#argv + 1] = seeds end
  return process.run(argv, { cwd = paths.root, within = LONGEST + 60 })
end

describe("the fuzz target", function()
  for _, name in ipairs(targets()) do
    it(("%s survives %d inputs"):format(name, RUNS), function()
      if not lfs.attributes(build) then
        assert(not named, "there is no build with fuzz targets in " .. build)
        pending "there is no build with fuzz targets; ./dev test makes it"
      end
      local result = run(name)
      assert(result.code == 0, result.err:sub(-4000))
    end)
  end
end)

describe("the folder of fuzz targets", function()
  it("has one for what reads bytes from the network", function() assert.is_true(#targets() > 0) end)
end)
