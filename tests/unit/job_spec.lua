-- Declarations of jobs: what they become, and what is refused when scripts load. Running them:
-- tests/integration/jobs_spec.lua.

package.path = "lua/?.lua;" .. package.path

-- As the server's module of that name.
package.preload["mb.source"] = function()
  return function(f) return "jobs/x.lua:" .. debug.getinfo(f, "S").linedefined end
end

local kinds = require "mb.job"

local function nothing() end
local LINE <const> = debug.getinfo(nothing, "S").linedefined

-- Loads these tables as if each were a file of jobs/.
local function load(...)
  local modules = {}
  for i, declared in ipairs { ... } do
    modules[i] = i == 1 and "jobs.x" or "jobs.x" .. i
    package.loaded[modules[i]] = declared
  end
  return kinds.load(modules, {}, { ["booking.created"] = true, ["booking.moved"] = true })
end

local function refusal(...)
  local ok, text = pcall(load, ...)
  assert.is_false(ok)
  return text
end

describe("a declaration of a job", function()
  it("has defaults", function()
    local job = load { kind = "a.b", run = nothing }["a.b"]
    assert.same({ 10, 60000, 10000, 3600000 },
      { job.max_attempts, job.lease, job.backoff.first, job.backoff.most })
    assert.is_nil(job.schedule)
  end)

  it("has its spans in milliseconds", function()
    local made = load(
      { kind = "a", run = nothing, every = "15min", lease = "2s", backoff = { first = "1s", most = "5s" } },
      { kind = "b", run = nothing, at = "03:30", events = { "booking.created" } })
    assert.same({ period = 900000, phase = 0 }, made.a.schedule)
    assert.same({ first = 1000, most = 5000 }, made.a.backoff)
    assert.same({ period = 86400000, phase = 12600000 }, made.b.schedule)
    assert.same({ "a", "b" }, { made[1].kind, made[2].kind })
  end)

  for wrong, text in pairs {
    ["kind"] = "a job needs 'kind'", ["kind = 1"] = "'kind' of a job is a number, not a string",
    ["kind = 'A b'"] = "'A b' is no name of a job",
    ["evry = '1s'"] = "unknown key 'evry' of a job (did you mean 'every'?)",
    ["every = '1m'"] = "'every' is a span as \"30s\"", ["every = '1ms'"] = "'every' is at least 1000 ms",
    ["at = '25:00'"] = "'at' is a time of day in UTC", ["every = '1s', at = '01:00'"] = "'every' or 'at', not both",
    ["lease = '10ms'"] = "'lease' is at least 1000 ms", ["max_attempts = 0"] = "a whole number from 1 to 100",
    ["max_attempts = 1.5"] = "a whole number from 1 to 100", ["events = {}"] = "a list of names, and not empty",
    ["events = { 'Booking' }"] = "event 1 is a name as \"booking.created\"",
    ["events = { 'booking.creatd' }"] = "there is no event 'booking.creatd' (did you mean 'booking.created'?)",
    ["events = { x = 'a.b' }"] = "a list of names, and not empty",
    ["backoff = { frist = '1s' }"] = "unknown key 'frist'",
    ["backoff = { first = '2h' }"] = "'backoff.first' is longer than 'backoff.most'",
  } do
    it("is refused, with its line, for " .. wrong, function()
      local declared = assert(_G.load("return { " .. (wrong == "kind" and "" or wrong) .. " }"))()
      declared.run = nothing
      declared.kind = declared.kind or wrong ~= "kind" and "a.b" or nil
      assert.matches(("jobs/x.lua:%d: "):format(LINE), refusal(declared), 1, true)
      assert.matches(text, refusal(declared), 1, true)
    end)
  end

  it("is refused when it is none, lacks its function, or stands twice", function()
    assert.matches("jobs/x.lua: a file of jobs/ returns one job, a table", refusal "x", 1, true)
    assert.matches("jobs/x.lua: a job needs 'run'", refusal { kind = "a.b" }, 1, true)
    assert.matches(("the job 'a' is declared at jobs/x.lua:%d too"):format(LINE),
      refusal({ kind = "a", run = nothing }, { kind = "a", run = nothing }), 1, true)
  end)
end)
