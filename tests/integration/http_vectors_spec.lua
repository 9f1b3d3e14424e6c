-- Raw requests (tests/fixtures/http_vectors.txt), each whole, cut in two at every byte, and byte by
-- byte; tests/tools/http_vectors.c sends them, in every build: the sanitized one sees reads past the end.

local paths = require "support.paths"
local process = require "support.process"

local FEWEST <const> = 150

local function report(build)
  local result = process.run({ build .. "/tests/tools/http_vectors", "tests/fixtures/http_vectors.txt" },
                             { within = 300, cwd = paths.root })
  local plan, count = tonumber(result.out:match "1%.%.(%d+)"), 0

  for verdict, fact in result.out:gmatch "(n?o?t? ?ok) %d+ %- ([^\n]*)" do
    count = count + 1
    local saw = result.out:match("not ok %d+ %- " .. fact:gsub("%p", "%%%0") .. "\n# ([^\n]*)")
    it(fact, function() assert(verdict == "ok", saw) end)
  end

  it("went through all of its vectors", function()
    assert.equal(0, result.code, result.err)
    assert.equal(plan, count)
    assert.is_true(count > FEWEST)
  end)
end

for _, build in ipairs(paths.builds()) do
  describe("the HTTP layer, " .. build:match "[^/]+$", function() report(build) end)
end
