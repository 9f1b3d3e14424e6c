-- kill -9 of a worker, of the supervisor, of PostgreSQL's postmaster or of one of its sessions, while
-- clients book, cancel and search. After every kill the service must come back by itself (a killed
-- supervisor is started again, as an init system would), and nothing acknowledged may be lost.

local clinics = require "chaos.clinic"
local judge = require "chaos.judge"
local native = require "support.native"
local eventually = require "support.eventually"
local process = require "support.process"
local races = require "chaos.races"
local temp = require "support.temp"
local tools = require "chaos.tools"

local SIGKILL <const> = 9

local function pick(random, list) return list[random(#list)] end

-- Each kills one process and returns when it was replaced, or at once when that shows in nothing but
-- the service.
local victims = {}

function victims.worker(clinic, random)
  local before = clinic.server:workers()
  local pid = pick(random, before)
  native.kill(pid, SIGKILL)
  eventually(function()
    local now = clinic.server:workers()
    for _, other in ipairs(now) do
      if other == pid then return false end
    end
    return #now == #before
  end, { within = 30, what = "a new worker" })
end

function victims.supervisor(clinic)
  clinic.server:kill()
  clinic.server:start()
end

function victims.postmaster(clinic)
  local pid = assert(clinic:postmaster(), "no postmaster").pid
  native.kill(pid, SIGKILL)
  eventually(function()
    local now = clinic:postmaster()
    return now and now.pid ~= pid
  end, { within = 60, what = "a new postmaster" })
end

function victims.session(clinic, random)
  local sessions = process.children(clinic:postmaster().pid)
  if #sessions == 0 then return victims.postmaster(clinic) end
  native.kill(pick(random, sessions), SIGKILL)
end

local every_kind <const> = { "worker", "supervisor", "postmaster", "session" }

-- A generator of its own, so that the seed decides alone.
local function generator(seed)
  local state = seed * 2 + 1
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407)
    return (state >> 33) % n + 1
  end
end

local function kill_once(clinic, victim, random, figures)
  native.sleep(0.2 + random(800) / 1000) -- a random moment under load
  local since = native.now()
  victims[victim](clinic, random)
  local seconds = clinic:await_service(since)
  local figure = figures[victim] or { kills = 0, longest = 0, total = 0 }
  figures[victim] = figure
  figure.kills, figure.total = figure.kills + 1, figure.total + seconds
  figure.longest = math.max(figure.longest, seconds)
end

-- The database may go down once more under the check: a killed session takes the others with it only
-- when the postmaster has noticed.
local function check(clinic, witness, is_live, faults, when)
  local found = eventually(function()
    local list = judge.faults(witness:compare(clinic, is_live))
    races.add_invariants(clinic, list)
    return list
  end, { within = 60, what = "the database to answer the check" })
  for _, fault in ipairs(found) do faults[#faults + 1] = when .. ": " .. fault end
end

local function start_load(clinic, size, history)
  return tools.start_hammer("storm", clinic.port, {
    clients = size.clients, seed = size.seed, label = size.label, timeout = 10000, settle = 30,
    fields = clinics.FIELDS, history = history, weights = "4,3,2,2", search = clinic:search(20),
    slots = clinic.slot_file(clinic:take_overlapping(size.groups)),
  })
end

-- size: kills, seed, label (what the keys begin with), clients, groups (of slots), victims (in turn;
-- default all kinds), progress (called before each kill). One load runs from the first kill to the
-- last.
local function run(clinic, size)
  local history, random = temp.dir() .. "/history", generator(size.seed)
  local order = size.victims or every_kind
  local witness = judge.watch(history, ("%s-%d-"):format(size.label, size.seed))
  local load = start_load(clinic, size, history)
  local figures, faults, kills = {}, {}, 0
  while kills < size.kills and #faults == 0 do
    local victim = order[kills % #order + 1]
    kills = kills + 1
    if size.progress then size.progress(kills, victim) end
    kill_once(clinic, victim, random, figures)
    check(clinic, witness, true, faults, ("after kill %d (%s)"):format(kills, victim))
  end
  local summary = load.finish()
  check(clinic, witness, false, faults, "at the end")
  if summary.anomalies > 0 then faults[#faults + 1] = summary.anomalies .. " anomalies:\n" .. summary.complaints end
  if summary.unanswered > 0 then faults[#faults + 1] = summary.unanswered .. " calls without an answer" end
  if summary.status["500"] then faults[#faults + 1] = summary.status["500"] .. " answers of status 500" end
  return { kills = kills, figures = figures, booked = summary.booked, cancelled = summary.cancelled,
           retries = summary.retries, status = summary.status, lost_connections = summary.lost,
           longest_silence_ms = summary.longest_silence_ms, faults = faults }
end

return { run = run }
