-- Runs every C test program (tests/c/test_<layer>_<module>.c) of every build, some at once as most of them
-- wait most of their time, and reports each line of its TAP as a test.

local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local AT_ONCE <const> = 4
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

local function start(program)
  local dir = temp.dir()
  local run = { out = dir .. "/out", err = dir .. "/err", since = native.now() }
  local options = { stdout = run.out, stderr = run.err, cwd = paths.root, env = { PATH = SYSTEM_PATH } }
  run.is_started, run.process = pcall(process.start, { program }, options) -- or why not: it was not built
  return run
end

-- Whether it is over; one that takes too long is killed.
local function is_over(run)
  if not run.is_started or run.process:wait(0) then return true end
  run.is_late = native.now() - run.since > LONGEST
  if run.is_late then run.process:kill() end
  return run.is_late
end

-- Runs them all to their ends: program -> run.
local function run_all(programs)
  local runs, running, next_one = {}, {}, 1
  while next_one <= #programs or #running > 0 do
    while #running < AT_ONCE and programs[next_one] do
      local program = programs[next_one]
      runs[program] = start(program)
      running[#running + 1] = runs[program]
      next_one = next_one + 1
    end
    for i = #running, 1, -1 do
      if is_over(running[i]) then table.remove(running, i) end
    end
    native.sleep(0.02)
  end
  return runs
end

local function report(run)
  if not run.is_started then return it("starts", function() error(run.process, 0) end) end
  local how, number = run.process:wait(0)
  local errors = paths.read(run.err)
  local lines, plan = read_tap(paths.read(run.out))
  local anything_failed = false
  for _, line in ipairs(lines) do
    anything_failed = anything_failed or not line.ok
    it(line.fact, function() assert(line.ok, line.fact .. line.comment) end)
  end
  it("runs to its end", function()
    assert(not run.is_late, "still running after " .. LONGEST .. " s")
    assert(how == "exit", ("ended by signal %s\n%s"):format(number, errors))
    assert.equal(plan, #lines, "facts announced and reported\n" .. errors)
    assert(anything_failed or number == 0, ("exit code %s\n%s"):format(number, errors))
  end)
end

local programs <const> = {}
for _, build in ipairs(paths.builds()) do
  for _, name in ipairs(sources()) do programs[#programs + 1] = build .. "/tests/c/" .. name end
end
local runs <const> = run_all(programs)

for _, build in ipairs(paths.builds()) do
  describe(build:match "[^/]+$", function()
    for _, name in ipairs(sources()) do
      describe(name, function() report(runs[build .. "/tests/c/" .. name]) end)
    end
  end)
end

describe("the C test programs", function()
  it("exist", function() assert.is_true(#sources() > 0) end)
end)
