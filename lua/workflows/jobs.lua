-- The queue of jobs (mb.job says how one is declared): adding them, and, in the jobs process, running them.
--
-- A job runs at least once: when its process dies or stands still, the lease ends and another takes it.
-- So `run` must bear repetition; what it does in the database it can do exactly once, by ending the job in
-- the same transaction: db.tx(function(tx) … job:finish(tx) end). It has three quarters of the lease, and
-- worker.script_cpu between two waits. `job` has id, kind, key, payload, attempt and max_attempts. An attempt that
-- failed for a reason that is no error of the script ends with job:fail(text), or with job:give_up(text) when another
-- would fail too: then the job is DEAD at once.
--
-- jobs.enqueue(kind, payload, { key =, at = instant, after = "10min", tx = }) adds one, from any script, and
-- returns its id; nil when a living job of that kind has the key.
local background = require "mb.background"
local db = require "mb.db"
local faults = require "mb.faults"
local id = require "mb.id"
local job_kinds = require "mb.job"
local json = require "mb.json"
local log = require "mb.log"
local queue = require "queries.jobs"
local span = require "mb.span"

local PUMPED_AT_ONCE <const>, PUMPS <const> = 500, 20
local MAX_ERROR <const> = 2000

-- Set by load, once.
local known, lists

local beginnings = {} -- what is still to be done at the first tick

-- What the statements want of all kinds, as lists.
local function lists_of(jobs)
  local all = { kinds = {}, leases = {}, subscribers = {} }
  local schedule = { kinds = {}, periods = {}, phases = {}, attempts = {} }
  for i, job in ipairs(jobs) do
    all.kinds[i], all.leases[i] = job.kind, job.lease
    if job.schedule then
      local n = #schedule.kinds + 1
      schedule.kinds[n], schedule.attempts[n] = job.kind, job.max_attempts
      schedule.periods[n], schedule.phases[n] = job.schedule.period, job.schedule.phase
    end
    if job.events then
      all.subscribers[#all.subscribers + 1] = job.kind
    end
  end
  all.schedule = schedule
  return all
end

-- ---- adding ----

local OPTIONS <const> = { key = "string", at = "string", after = "string", tx = "userdata" }

local function enqueue(kind, payload, options)
  local job, how = known[kind], options or {}
  if not job then
    error(("there is no job '%s' (%s)"):format(tostring(kind), faults.nearest(kind, faults.names_of(known))), 2)
  end
  for key, value in pairs(how) do
    if type(value) ~= OPTIONS[key] then
      error(("option '%s' of jobs.enqueue is wrong: there are key, at, after and tx"):format(tostring(key)), 2)
    end
  end
  local after = how.after and span.ms(how.after) or 0
  if how.after and not span.ms(how.after) then
    error("option 'after' of jobs.enqueue is a span as \"10min\"", 2)
  end
  local values = { kind, how.key, json.encode(payload or {}), how.at, ("%d ms"):format(after), job.max_attempts }
  local rows
  if how.tx then
    rows = how.tx:query(queue.enqueue, table.unpack(values, 1, 6))
  else
    rows = db.query(queue.enqueue, table.unpack(values, 1, 6))
  end
  local row = rows[1]
  return row and row.id or nil
end

-- ---- running ----

local one = {}
one.__index = one

-- Ends the job within a transaction of its handler; raises when another process has taken it over.
function one:finish(tx)
  if #tx:query(queue.done, self.id, self.lease) == 0 then
    error("another process has taken this job over", 2)
  end
  self.is_ended = true
end

-- The attempt failed: what is raised is an error of a script, this is not.
function one:fail(text)
  self.failure = text
end

function one:give_up(text)
  self.failure, self.is_hopeless = text, true
end

local function lose(job)
  background.count "lost"
  log.warn("a job was taken over by another process", { job = job.id, kind = job.kind })
end

-- What the database takes as text: bytes of no UTF-8 are shown as ?.
local function clean(text)
  text = text:sub(1, MAX_ERROR)
  return utf8.len(text) and text or text:gsub("[\x80-\xff]", "?")
end

local function conclude_failure(job, text)
  local backoff = known[job.kind].backoff
  local pause = span.backoff(backoff.first, backoff.most, job.attempt, math.random)
  local row = db.query(queue.fail, job.id, job.lease, clean(text), pause, job.is_hopeless or false)[1]
  if not row and job.is_ended then
    background.count "done" -- before it failed
  elseif not row then
    lose(job)
  elseif row.status == "DEAD" then
    background.count "dead"
    log.error("a job is dead", { job = job.id, kind = job.kind, error = text })
  else
    background.count "retried"
    if job.failure then
      log.warn("a job failed and is repeated", { job = job.id, kind = job.kind, attempt = job.attempt, error = text })
    end
  end
end

-- How the run of a job ended. The statements compare the lease, so that who comes late changes nothing.
local function conclude(job, text, was_stopped)
  text = text or job.failure
  if was_stopped then
    db.query(queue.give_back, job.id, job.lease)
  elseif text then
    conclude_failure(job, text)
  elseif job.is_ended or #db.query(queue.done, job.id, job.lease) == 1 then
    background.count "done"
  else
    lose(job)
  end
end

local function run(job)
  job.payload = json.decode(job.payload)
  known[job.kind].run(job)
end

local function start(row, lease)
  local job = setmetatable({
    id = row.id, kind = row.kind, key = row.key, payload = row.payload, attempt = row.attempts,
    max_attempts = row.maxAttempts, lease = lease,
  }, one)
  background.start("job " .. row.kind, row.id, known[row.kind].lease * 3 // 4, run, conclude, job)
end

local function take()
  local free = background.free()
  if free == 0 then
    return background.more(true)
  end
  local lease = id.cuid()
  local rows = db.query(queue.take, lease, lists.kinds, lists.leases, free)
  background.more(#rows == free)
  for _, row in ipairs(rows) do
    if row.status == "DEAD" then
      background.count "dead"
      log.error("a job is dead: its process did not come back from the last attempt",
        { job = row.id, kind = row.kind })
    else
      start(row, lease)
    end
  end
end

local function pump()
  if #lists.subscribers == 0 then
    return
  end
  db.query(queue.subscribe, lists.subscribers)
  for _, kind in ipairs(lists.subscribers) do
    local job, n = known[kind], 0
    repeat
      local row = db.query(queue.pump, kind, job.events, job.max_attempts, PUMPED_AT_ONCE)[1]
      n = n + 1
    until row.read < PUMPED_AT_ONCE or n == PUMPS
  end
end

local function begin()
  while #beginnings > 0 do
    beginnings[1]() -- again at the next tick, when it fails
    table.remove(beginnings, 1)
  end
end

local function turn(is_tick)
  if is_tick then
    begin()
    local schedule = lists.schedule
    db.query(queue.schedule, schedule.kinds, schedule.periods, schedule.phases, schedule.attempts)
    pump()
    local waiting = db.query(queue.waiting)[1]
    background.waiting(waiting.jobs, waiting.oldest)
  end
  take()
end

-- Loads every module of jobs/, and others (mb.job); raises every fault of every file.
local function load(modules, others, events)
  known = job_kinds.load(modules, others, events)
  lists = lists_of(known)
  background.on_turn(turn)
end

-- f() is called once by the jobs process when these scripts are in force there.
local function at_start(f)
  beginnings[#beginnings + 1] = f
end

-- The kinds that read the outbox.
local function subscribers()
  return lists.subscribers
end

local function is_known(kind)
  return known[kind] ~= nil
end

return { load = load, at_start = at_start, enqueue = enqueue, subscribers = subscribers, is_known = is_known }
