-- Runs spec files, each in a busted of its own, those of tests/domain in one, two at a time, and adds up what they say:
--     lua5.4 tests/run.lua [--passed FACT] [--failed FACT] [pattern ...]      (./dev test)
-- Patterns are parts of file names; none = all. --passed and --failed count what was tested before.
-- A file that cannot be loaded, crashes or reports nothing counts as a failed test. The last line is
-- `N passed, N failed`, the exit code 1 when anything failed.

dofile "tests/support/setup.lua"

local lfs = require "lfs"
local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local scope = require "support.scope"
local server = require "support.server"
local temp = require "support.temp"

local IN_PROCESS <const> = "tests/domain" -- by `medbookd test`, all that is asked of it in one process
local FOLDERS <const> = { "tests/unit", "tests/style", IN_PROCESS, "tests/stories", "tests/integration" }
local LONG <const> = { -- files that begin first, so that none of them is left alone at the end
  "unit/c_programs", "integration/rehearsal", "integration/reload", "integration/migrations",
  "integration/typescript", "integration/dev_run", "integration/kill", "integration/query_plans",
}
local AT_ONCE <const> = math.tointeger(tonumber(os.getenv "TEST_JOBS" or 2))
local LONGEST <const> = 900 -- seconds for one file, or folder of one process

local total = { passed = 0, failed = 0, skipped = 0 }
local complaints = {} -- of failed tests, for the end
local omissions = {} -- skipped tests, for the end

local function fail(where, text)
  total.failed = total.failed + 1
  complaints[#complaints + 1] = where .. "\n" .. text
end

local function read_arguments(words)
  local patterns, i = {}, 1
  while words[i] do
    if words[i] == "--passed" then
      total.passed = total.passed + 1
      i = i + 1
    elseif words[i] == "--failed" then
      fail(words[i + 1], "    see above")
      i = i + 1
    else
      patterns[#patterns + 1] = words[i]
    end
    i = i + 1
  end
  return patterns
end

local function matches(path, patterns)
  for _, pattern in ipairs(patterns) do
    if path:find(pattern, 1, true) then return true end
  end
  return #patterns == 0
end

local function find_specs(patterns)
  local found, is_there = {}, {}
  local function add(path)
    if matches(path, patterns) and not is_there[path] then found[#found + 1] = path end
    is_there[path] = true
  end
  for _, name in ipairs(LONG) do
    local path = "tests/" .. name .. "_spec.lua"
    if lfs.attributes(path) then
      add(path)
    else
      fail("tests/run.lua", "  LONG names " .. path .. ", which is not there")
    end
  end
  for _, folder in ipairs(FOLDERS) do
    local names = native.list(folder) or {}
    table.sort(names)
    for _, name in ipairs(names) do
      if name:match "_spec%.lua$" then add(folder .. "/" .. name) end
    end
  end
  return found
end

-- One cluster with the template databases, made once and copied by every spec file that needs one.
local function prepare_cluster(specs)
  local needed = false
  for _, path in ipairs(specs) do
    needed = needed or paths.read(path):find "support%.cluster" ~= nil
  end
  if not needed then return nil end
  io.write "preparing the database templates\n"
  local source = cluster.start { scope = "suite" }
  for _, kind in ipairs { "schema", "demo" } do
    local ok, err = pcall(source.template, source, kind)
    if not ok then fail("database template " .. kind, tostring(err)) end
  end
  psql.run(source:url "postgres", "CHECKPOINT")
  source:stop()
  source:shorten_log()
  return source.data
end

-- What one process runs: { path =, argv =, env = }, of a spec file or of all those of a folder.
local function make_jobs(specs, template)
  local jobs, words = {}, nil
  for _, path in ipairs(specs) do
    if path:find(IN_PROCESS .. "/", 1, true) ~= 1 then
      -- Without --ignore-lua busted runs itself again below a shell, out of the reach of our signals.
      local argv = { "lua5.4", "/usr/bin/busted", "--ignore-lua", "-o", "TAP", path }
      jobs[#jobs + 1] = { path = path, argv = argv, env = { TEST_CLUSTER = template or false } }
    elseif words then
      words[#words + 1] = path
    else
      words = { paths.binary(), "test", path }
      local env = server.clean_environment()
      env.MEDBOOKD_HOME = paths.root
      jobs[#jobs + 1] = { path = IN_PROCESS, argv = words, env = env }
    end
  end
  if words then table.move({ "--", "-o", "TAP" }, 1, 3, #words + 1, words) end
  return jobs
end

local function start(job)
  job.output, job.since = temp.dir "suite" .. "/output", native.now()
  job.process = process.start(job.argv, { env = job.env, log = job.output, scope = "suite", death_signal = "TERM" })
  return job
end

-- Counts what one busted printed: { passed, failed, skipped, complaints, omissions, is_complete }.
local function read_tap(text)
  local tally = { passed = 0, failed = 0, skipped = 0, complaints = {}, omissions = {}, is_complete = false }
  local open
  for line in text:gmatch "[^\n]*" do
    local verdict, fact = line:match "^(n?o?t? ?ok) %d+ %- (.*)"
    if verdict == "ok" and fact:match "^# SKIP" then
      tally.skipped = tally.skipped + 1
      tally.omissions[tally.skipped] = fact:gsub("^# SKIP%s*", "")
    elseif verdict == "ok" then
      tally.passed = tally.passed + 1
    elseif verdict == "not ok" then
      tally.failed = tally.failed + 1
      tally.complaints[#tally.complaints + 1] = "  " .. fact
    elseif open and line:match "^#" then
      local n = #tally.complaints
      tally.complaints[n] = tally.complaints[n] .. "\n    " .. line:gsub("^#%s?", "")
    elseif line:match "^1%.%.%d+$" then
      tally.is_complete = true
    end
    if verdict then open = verdict == "not ok" end
  end
  return tally
end

local function describe_end(how, number)
  if not how then return ("was killed after %d s"):format(LONGEST) end
  return how == "exit" and ("exit code " .. number) or ("ended by signal " .. number)
end

local function count(job, how, number)
  local text = paths.read(job.output)
  local tally = read_tap(text)
  local reported = tally.passed + tally.failed + tally.skipped > 0
  local consistent = how == "exit" and (number == 0) == (tally.failed == 0)
  if not (tally.is_complete and reported and consistent) then
    tally.failed = tally.failed + 1
    tally.complaints[#tally.complaints + 1] = ("  the file did not run to its end (%s)\n%s"):format(
      describe_end(how, number), text:sub(-3000))
  end
  for name in pairs(total) do total[name] = total[name] + tally[name] end
  for _, complaint in ipairs(tally.complaints) do complaints[#complaints + 1] = job.path .. "\n" .. complaint end
  for _, fact in ipairs(tally.omissions) do omissions[#omissions + 1] = job.path .. ": " .. fact end
  local skipped = tally.skipped > 0 and (", %d skipped"):format(tally.skipped) or ""
  io.write(("%-5s %-52s %4d passed, %d failed%s  (%.1f s)\n"):format(tally.failed == 0 and "ok" or "FAIL", job.path,
    tally.passed, tally.failed, skipped, native.now() - job.since))
  io.flush()
end

-- Takes those that ended, or ran too long, out of the running ones.
local function collect(running)
  for i = #running, 1, -1 do
    local job = running[i]
    local how, number = job.process:wait(0)
    if not how and native.now() - job.since > LONGEST then pcall(job.process.stop, job.process) end
    if how or job.process.how then
      count(job, how, number)
      table.remove(running, i)
    end
  end
end

-- Those that are Lua; the others are failed tests (busted's own report loses what is wrong).
local function compilable(specs)
  local fine = {}
  for _, path in ipairs(specs) do
    local chunk, err = loadfile(path)
    if chunk then
      fine[#fine + 1] = path
    else
      fail(path, "  " .. err)
    end
  end
  return fine
end

local function run_all(jobs)
  local running, next_one = {}, 1
  while next_one <= #jobs or #running > 0 do
    while #running < AT_ONCE and jobs[next_one] do
      running[#running + 1] = start(jobs[next_one])
      next_one = next_one + 1
    end
    collect(running)
    native.sleep(0.02)
  end
end

local function report()
  if #complaints > 0 then io.write("\nFailures\n========\n", table.concat(complaints, "\n\n"), "\n") end
  if #omissions > 0 then
    io.write(("\n%d skipped:\n  %s\n"):format(total.skipped, table.concat(omissions, "\n  ")))
  end
  io.write(("%d passed, %d failed\n"):format(total.passed, total.failed))
end

local function main()
  local patterns = read_arguments(arg)
  local specs = find_specs(patterns)
  if #specs == 0 then fail("tests/run.lua", "no spec file matches " .. table.concat(patterns, ", ")) end
  local prepared, template = xpcall(prepare_cluster, debug.traceback, specs)
  if not prepared then
    fail("database templates", template)
    template = nil
  end
  run_all(make_jobs(compilable(specs), template))
end

local ok, err = xpcall(main, debug.traceback)
if not ok then fail("tests/run.lua", err) end
scope.close "file"
scope.close "suite"
report()
os.exit(total.failed == 0)
