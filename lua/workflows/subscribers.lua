-- The life of those who can subscribe, providers and organizations, from their approval on. One statement takes each
-- step (mb_move_subscriber in migrations/R__subscribers.sql); here its outcomes become answers. Which steps there are:
-- subscriber_steps.lua.
local config = require "mb.config"
local db = require "mb.db"
local json = require "mb.json"
local problem = require "mb.problem"
local subscribers = require "queries.subscribers"
local transition = require "mb.transition"
local with = require "mb.with"

local subscriber = {}
subscriber.__index = subscriber

-- spec: machine (mb.workflow), resource (the table), one (what people call it), trials (a statement), incomplete =
-- { code, detail } and missing(id, tx), which keeps others from changing what it looks at: a list of what an approval
-- waits for.
local function new(spec)
  return setmetatable({
    machine = spec.machine, resource = spec.resource, missing = spec.missing, incomplete = spec.incomplete[1],
    trials = spec.trials,
    length = config.declare(spec.machine.tells .. ".trial_length", {
      type = "duration", default = "30d", least = "1s", most = "3650d",
      help = ("how long the trial of %s lasts"):format(spec.one),
    }),
    notice = config.declare(spec.machine.tells .. ".trial_notice", {
      type = "duration", default = "7d", least = "0s", most = "365d",
      help = ("how long before the end of its trial %s is told of it"):format(spec.one),
    }),
    -- outcome -> status, detail
    refusals = {
      not_found = { 404, "not found" },
      version_mismatch = { 412, "this was changed meanwhile: look at it again" },
      idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
      trial_used = { 409, "there is one trial, and it is over" },
      [spec.incomplete[1]] = { 409, spec.incomplete[2] },
    },
  }, subscriber)
end

-- Takes one of them one step. tx: within this transaction, or nil; its row: outcome, status, version, body.
local function step(self, it, id, request, tx)
  local text = json.encode(with(request, {
    resource = self.resource, id = id, action = it.action, fromStatuses = it.from, toStatuses = it.ends,
    event = it.effects.event, trialLength = self.length,
  }))
  if tx then
    return tx:query(subscribers.move, text)[1]
  end
  return db.query(subscribers.move, text)[1]
end

-- The same where nothing may be missing. -> its row, what is missing.
local function complete_step(self, it, id, request)
  local done, missing
  db.tx(function(tx)
    missing = self.missing(id, tx)
    done = step(self, it, id, with(request, { refusal = #missing > 0 and self.incomplete or nil }), tx)
  end)
  return done, missing
end

-- A statement that lost its race for a lock tells the client to repeat.
local function run(...)
  local ok, done, missing = pcall(...)
  if ok then
    return done, missing
  elseif problem.is(done) and done.code == "database_conflict" then
    error(problem(409, "request_in_progress", "the same or a competing request is in work: repeat it",
      { retry_after = 1 }))
  end
  error(done, 0)
end

-- The steps that this caller may take from the status, without one that was refused.
local function others(self, status, judge, refused)
  local list = json.array()
  for _, action in ipairs(self.machine:allowed(status, function(who) return judge:allows(who) end)) do
    list[#list + 1] = action ~= refused and action or nil
  end
  return list
end

-- Takes the one of a row { id, status } a step, as this caller may. request: of mb.caller, with `version` expected and
-- `reason`, or without. -> { version, body }, body JSON text. Raises problems.
function subscriber:move(row, action, request, judge)
  local missing
  local done = transition.run(self.machine, action, row, judge, function(it)
    local moved
    moved, missing = run(it.guards.is_complete and complete_step or step, self, it, row.id, request)
    return moved
  end)
  local known = self.refusals[done.outcome]
  if known then
    local members = done.outcome == self.incomplete and { missing = missing }
      or done.outcome == "trial_used" and {
        currentStatus = done.status, allowed = others(self, done.status, judge, action),
      } or nil
    error(problem(known[1], done.outcome, known[2], { members = members }))
  end
  return done
end

-- Warns those whose trial ends soon, and ends those that are over.
function subscriber:run_trials()
  for _, row in ipairs(db.query(self.trials, self.notice)) do
    if row.is_over then
      step(self, self.machine:own "expire_trial", row.id, {}) -- or what was done with it meanwhile
    else
      db.query(subscribers.note_trial, self.resource, row.id, self.notice)
    end
  end
end

return { new = new }
