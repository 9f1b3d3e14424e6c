-- Answers of providers to what they are asked, and their reviews. Each is one statement, in a transaction that holds
-- the provider's row from before its rules were judged (migrations/R__submissions.sql).
local caller = require "mb.caller"
local compliance = require "workflows.compliance"
local db = require "mb.db"
local json = require "mb.json"
local problem = require "mb.problem"
local queries = require "queries.submissions"
local states = require "workflows.states.submission"
local transition = require "mb.transition"

-- Set by load, once: the rules of validation/compliance.lua.
local rules

local function load(those)
  rules = those
end

-- The one of these items that is about this requirement.
local function item_of(items, requirement)
  for _, it in ipairs(items) do
    if it.id == requirement then
      return it
    end
  end
end

-- A request of mb_answer_requirement or mb_review_answer, with the rules as they are when change(item) was made.
local function request_of(req, status, row, items, change)
  local request, it = caller.of(req, status), item_of(items, row.requirementTypeId)
  if not it then
    error(problem(409, "requirement_retired", "this was retired meanwhile"))
  end
  change(it)
  request.provider, request.requirement = row.providerId, row.requirementTypeId
  request.rules = rules.rules_of(rules.judge(items))
  return request
end

-- Keeps an answer. row: { providerId, requirementTypeId }. answer: as it is stored, a table; or a function (tx) that
-- returns it, and may write beside it, under the lock of the provider. -> whether it is another one than before.
local function answer(req, row, given)
  return db.tx(function(tx)
    local items = compliance.read(row.providerId, { tx = tx, requirement = row.requirementTypeId })
    local kept = type(given) == "function" and given(tx) or given
    local request = request_of(req, nil, row, items, function(it)
      it.waiting = kept
    end)
    request.answer = kept
    return tx:query(queries.answer, json.encode(request))[1].outcome == "answered"
  end)
end

-- Takes back the answer that waits, or was rejected. row: as of `answer`. -> whether there was one.
local function withdraw(req, row)
  return db.tx(function(tx)
    local items = compliance.read(row.providerId, { tx = tx, requirement = row.requirementTypeId })
    local request = request_of(req, nil, row, items, function(it)
      it.waiting = nil
    end)
    return tx:query(queries.withdraw, json.encode(request))[1].outcome == "withdrawn"
  end)
end

local CHANGES <const> = {
  approve = function(it)
    it.approved, it.isCovered, it.waiting, it.approvedDay = it.answer, it.answer ~= nil, nil, it.row.today
  end,
  reject = function(it)
    it.waiting = nil
  end,
  revoke = function(it)
    it.approved, it.isCovered, it.waiting = nil, false, nil
  end,
}

-- Takes a step of workflows/states/submission.lua: the answer as JSON text. version: that was seen, or nil. Raises
-- problems.
local function review(req, row, judge, action, version)
  local done = transition.run(states, action, row, judge, function(it)
    return db.tx(function(tx)
      local items = compliance.read(row.providerId, { tx = tx, requirement = row.requirementTypeId })
      local request = request_of(req, 200, row, items, CHANGES[action])
      request.action, request.reason, request.version = action, req.body.reason, version
      request.fromStatuses, request.toStatus, request.event = json.array(it.from), it.to, it.effects.event
      return tx:query(queries.review, json.encode(request))[1]
    end)
  end)
  if done.outcome == "version_mismatch" then
    error(problem(412, "version_mismatch", "this was answered or reviewed meanwhile: look at it again"))
  elseif done.outcome == "idempotency_mismatch" then
    error(problem(422, "idempotency_mismatch", "this Idempotency-Key was sent with another request before"))
  elseif done.outcome == "answer_expired" then
    error(problem(409, "answer_expired", "its last day is over: it needs another answer"))
  end
  return done.body
end

return { load = load, answer = answer, withdraw = withdraw, review = review }
