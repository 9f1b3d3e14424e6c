-- Runs every C test program (tests/c/test_<layer>_<module>.c) of every build and reports each line
-- of its TAP as a test.

local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"

local LONGEST <const> = 180 -- seconds for one program

-- Nothing but the distribution's packages, as on a fresh machine.
local SYSTEM_PATH <const> = "/usr/sbin:/usr/bin:/sbin:/bin"

local function sources()
  local names = {}
  for _, file in ipairs(native.list "tests/c" or {}) do
    names[#names + 1] = file:match "^(test_.*)%.c$"
  end
  table.sort(names)
  return names
end

-- The lines of a TAP text: list of { ok, fact, comment }, and the number that was announced.
local function read_tap(text)
  local lines, plan = {}, nil
  for line in text:gmatch "[^\n]+" do
    local verdict, fact = line:match "^(n?o?t? ?ok) %d+ ?%-? ?(.*)"
    if verdict then
      lines[#lines + 1] = { ok = verdict == "ok", fact = fact, comment = "" }
    elseif line:match "^1%.%.%d+" then
      plan = tonumber(line:match "%d+$")
    elseif line:match "^#" and lines[#lines] then
      lines[#lines].comment = lines[#lines].comment .. "\n" .. line
    end
  end
  return lines, plan
end

local function report(program)
  local result = process.run({ program }, { within = LONGEST, cwd = paths.root, env = { PATH = SYSTEM_PATH } })
  local lines, plan = read_tap(result.out)
  local anything_failed = false
  for _, line in ipairs(lines) do
    anything_failed = anything_failed or not line.ok
    it(line.fact, function() assert(line.ok, line.fact .. line.comment) end)
  end
  it("runs to its end", function()
    assert(not result.timed_out, "still running after " .. LONGEST .. " s")
    assert(not result.signal, ("ended by signal %s\n%s"):format(result.signal, result.err))
    assert.equal(plan, #lines, "facts announced and reported\n" .. result.err)
    assert(anything_failed or result.code == 0, ("exit code %s\n%s"):format(result.code, result.err))
  end)
end

for _, build in ipairs(paths.builds()) do
  describe(build:match "[^/]+$", function()
    for _, name in ipairs(sources()) do
      describe(name, function() report(build .. "/tests/c/" .. name) end)
    end
  end)
end

describe("the C test programs", function()
  it("exist", function() assert.is_true(#sources() > 0) end)
end)
