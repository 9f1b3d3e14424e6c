-- The life of a provider, from its approval on. One statement takes each step (mb_move_provider in
-- migrations/R__provider_states.sql); here its outcomes become answers. Which steps there are: states/provider.lua.
local compliance = require "workflows.compliance"
local config = require "mb.config"
local db = require "mb.db"
local json = require "mb.json"
local problem = require "mb.problem"
local provider_states = require "queries.provider_states"
local states = require "workflows.states.provider"
local transition = require "mb.transition"
local with = require "mb.with"

local TRIAL_LENGTH <const> = config.declare("provider.trial_length", {
  type = "duration", default = "30d", least = "1s", most = "3650d", help = "how long the trial of a provider lasts",
})
local TRIAL_NOTICE <const> = config.declare("provider.trial_notice", {
  type = "duration", default = "7d", least = "0s", most = "365d",
  help = "how long before the end of its trial a provider is told of it",
})

-- outcome -> status, detail
local REFUSALS <const> = {
  not_found = { 404, "provider not found" },
  version_mismatch = { 412, "this was changed meanwhile: look at it again" },
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
  trial_used = { 409, "a provider has one trial, and this one has had it" },
  requirements_incomplete = { 409, "what the law asks of this provider is not complete" },
}

-- Takes a provider one step. tx: within this transaction, or nil; its row: outcome, status, version, body.
local function step(it, provider, request, tx)
  local text = json.encode(with(request, {
    provider = provider, action = it.action, fromStatuses = it.from, toStatuses = it.ends, event = it.effects.event,
    trialLength = TRIAL_LENGTH,
  }))
  if tx then
    return tx:query(provider_states.move, text)[1]
  end
  return db.query(provider_states.move, text)[1]
end

-- The same where nothing that the law asks may be missing: nobody changes an answer meanwhile. -> its row, what is
-- missing.
local function complete_step(it, provider, request)
  local done, missing
  db.tx(function(tx)
    missing = compliance.missing(provider, tx)
    done = step(it, provider, with(request, { refusal = #missing > 0 and "requirements_incomplete" or nil }), tx)
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
local function others(status, judge, refused)
  local list = json.array()
  for _, action in ipairs(states:allowed(status, function(who) return judge:allows(who) end)) do
    list[#list + 1] = action ~= refused and action or nil
  end
  return list
end

-- Takes the provider of a row of queries/providers.lua `any` a step, as this caller may. request: of mb.caller, with
-- `version` expected and `reason`, or without. -> { version, body }, body JSON text. Raises problems.
local function move(provider, action, request, judge)
  local missing
  local done = transition.run(states, action, provider, judge, function(it)
    local row
    row, missing = run(it.guards.is_complete and complete_step or step, it, provider.id, request)
    return row
  end)
  local known = REFUSALS[done.outcome]
  if known then
    local members = done.outcome == "requirements_incomplete" and { missing = missing }
      or done.outcome == "trial_used" and {
        currentStatus = done.status, allowed = others(done.status, judge, action),
      } or nil
    error(problem(known[1], done.outcome, known[2], { members = members }))
  end
  return done
end

-- Warns those whose trial ends soon, and ends those that are over.
local function run_trials()
  for _, row in ipairs(db.query(provider_states.trials, TRIAL_NOTICE)) do
    if row.is_over then
      step(states:own "expire_trial", row.id, {}) -- or what was done with it meanwhile
    else
      db.query(provider_states.note_trial, row.id, TRIAL_NOTICE)
    end
  end
end

return { move = move, run_trials = run_trials }
