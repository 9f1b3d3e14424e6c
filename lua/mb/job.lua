-- Kinds of work for later, as the files of jobs/ declare them, one each:
--
--   { kind = "bookings.expire",                    -- unique; the name in the queue and in logs
--     run = function(job) … end,                   -- an error is an attempt that failed
--     max_attempts = 10, backoff = { first = "10s", most = "1h" }, lease = "60s",   -- these are the defaults
--     every = "15min",                             -- or at = "03:30" (UTC): a schedule
--     events = { "booking.created" } }             -- of the outbox: a job for each event, as its payload
--
-- Everything is checked when scripts load; workflows/jobs.lua runs them.
local faults = require "mb.faults"
local source = require "mb.source"
local span = require "mb.span"

local KEYS <const> = {
  kind = "string", run = "function", max_attempts = "number", backoff = "table", lease = "string", every = "string",
  at = "string", events = "table",
}
local DAY <const> = span.ms "1d"
local LEAST_LEASE <const>, LEAST_PERIOD <const> = span.ms "1s", span.ms "1s"

local function span_of(text, least, what, wrong)
  local ms = type(text) == "string" and span.ms(text)
  if not ms then
    wrong(("%s is a span as \"30s\" or \"15min\""):format(what), "units are ms, s, min, h, d")
  elseif ms < least then
    wrong(("%s is at least %d ms"):format(what, least))
  end
  return ms
end

local function check_keys(it, wrong)
  for key, value in pairs(it) do
    if not KEYS[key] then
      wrong(("unknown key '%s' of a job"):format(tostring(key)), faults.nearest(key, faults.names_of(KEYS)))
    elseif type(value) ~= KEYS[key] then
      wrong(("'%s' of a job is a %s, not a %s"):format(key, type(value), KEYS[key]))
    end
  end
  for _, key in ipairs { "kind", "run" } do
    if it[key] == nil then
      wrong(("a job needs '%s'"):format(key))
    end
  end
end

local function check_backoff(backoff, wrong)
  for key in pairs(backoff) do
    if key ~= "first" and key ~= "most" then
      wrong(("unknown key '%s' of 'backoff'"):format(tostring(key)), "there are first, most")
    end
  end
  local first = span_of(backoff.first or "10s", 1, "'backoff.first'", wrong)
  local most = span_of(backoff.most or "1h", 1, "'backoff.most'", wrong)
  if first and most and first > most then
    wrong "'backoff.first' is longer than 'backoff.most'"
  end
  return { first = first, most = most }
end

-- { period =, phase = } in ms, or nil.
local function check_schedule(it, wrong)
  if it.every and it.at then
    wrong "a job has 'every' or 'at', not both"
  elseif it.every then
    return { period = span_of(it.every, LEAST_PERIOD, "'every'", wrong), phase = 0 }
  elseif it.at then
    local phase = span.time_of_day(it.at)
    if not phase then
      wrong "'at' is a time of day in UTC, as \"03:30\""
    end
    return { period = DAY, phase = phase }
  end
end

local function check_events(events, known, wrong)
  for i, event in ipairs(events) do
    if type(event) ~= "string" or not event:find "^%l[%w_]*%.%l[%w_]*$" then
      wrong(("event %d is a name as \"booking.created\""):format(i))
    elseif not known[event] then
      wrong(("there is no event '%s'"):format(event), faults.nearest(event, faults.names_of(known)))
    end
  end
  if #events == 0 or #faults.names_of(events) > 0 then
    wrong "'events' is a list of names, and not empty"
  end
end

local function check(it, events, wrong)
  check_keys(it, wrong)
  if type(it.kind) == "string" and not (it.kind:find "^%l[%w_.-]*$" and #it.kind <= 120) then
    wrong(("'%s' is no name of a job"):format(it.kind), "letters, digits, _, - and dots, 120 at most")
  end
  local attempts = it.max_attempts or 10
  if not (math.type(attempts) == "integer" and attempts >= 1 and attempts <= 100) then
    wrong "'max_attempts' of a job is a whole number from 1 to 100"
  end
  if type(it.events) == "table" then
    check_events(it.events, events, wrong)
  end
  return {
    kind = it.kind, run = it.run, max_attempts = attempts,
    backoff = check_backoff(type(it.backoff) == "table" and it.backoff or {}, wrong),
    lease = span_of(it.lease or "60s", LEAST_LEASE, "'lease'", wrong),
    schedule = check_schedule(it, wrong), events = it.events,
  }
end

local function add(made, it, events, where, found)
  local before = #found.list
  local job = check(it, events, function(text, hint) found:add(where, text, hint) end)
  if #found.list > before then
    return
  end
  job.where = where
  if made[job.kind] then
    return found:add(where, ("the job '%s' is declared at %s too"):format(job.kind, made[job.kind].where))
  end
  made[job.kind] = job
  made[#made + 1] = job
end

local function add_file(made, module, events, found)
  local file = module:gsub("%.", "/") .. ".lua"
  local is_loaded, it = pcall(require, module)
  if not is_loaded then
    return found:take(tostring(it))
  elseif type(it) ~= "table" then
    return found:add(file, "a file of jobs/ returns one job, a table")
  end
  local at = type(it.run) == "function" and source(it.run) or file
  add(made, it, events, at:sub(1, #file) == file and at or file, found)
end

-- The kinds in order and by name, each { kind, run, max_attempts, backoff = { first, most }, lease,
-- schedule = { period, phase } or nil, events or nil, where }, spans in ms: those of the modules, and others,
-- a list of { file = where it stands, job = as a file declares it }. events: a set of those there are. Raises every
-- fault of every file.
local function load(modules, others, events)
  local made, found = {}, faults.new()
  for _, module in ipairs(modules) do
    add_file(made, module, events, found)
  end
  for _, other in ipairs(others) do
    add(made, other.job, events, other.file, found)
  end
  found:raise()
  return made
end

return { load = load }
