-- What becomes of providers: the steps of their workflow, and which were taken.
local answers = require "validation.answers"
local caller = require "mb.caller"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local provider_states = require "queries.provider_states"
local providers = require "queries.providers"
local states = require "workflows.states.provider"
local validation = require "validation.provider_states"
local with = require "mb.with"
local workflow = require "workflows.provider_states"

-- The provider that the path names, in any status; nil when there is none.
local function named(req) return db.query(providers.any, req.params.id)[1] end

-- The conflicts that a step may meet, and those of its own.
local function conflicts_of(action, ...)
  local codes = { "transition_not_allowed", ... }
  for _, it in ipairs(states.by_action[action]) do
    codes[#codes + 1] = it.to and "already_" .. it.to:lower()
  end
  return { [409] = codes }
end

-- A step as a route; further codes of a conflict behind its body.
local function step(action, permission, summary, body, ...)
  return {
    method = "POST", path = "/v1/providers/{id}/" .. action:gsub("_", "-"), permission = permission,
    summary = summary, body = body, subject = named, headers = { idempotency.HEADER, conditional.HEADER },
    sends = { conditional.ETAG }, responses = { [200] = answers.own_provider }, errors = conflicts_of(action, ...),
    handler = function(req, row, judge)
      local done = workflow.move(row, action, with(caller.of(req, 200), {
        version = conditional.expected(req, row.version), reason = req.body.reason,
      }), judge)
      return 200, json.raw(done.body), { ETag = conditional.etag(done.version) }
    end,
  }
end

return {
  step("approve", "providers.decide", "Approve a provider who waits for it and has all that the law asks",
    validation.none, "requirements_incomplete"),
  step("reject", "providers.decide", "Reject a provider who waits to be approved", validation.reason),
  step("reset", "providers.decide", "Let a provider wait again who was rejected or has given up", validation.none),
  step("start_trial", "providers.own", "Begin your trial, which everybody has once", validation.none, "trial_used"),
  step("activate", "providers.decide", "Take a provider into service, as a subscription does", validation.none),
  step("suspend", "providers.decide", "Suspend a provider: nobody finds or books it", validation.reason),
  step("reinstate", "providers.decide", "End a suspension: the provider is what it was before", validation.none),
  step("cancel", "providers.own", "Give up being a provider", validation.optional_reason),
  {
    method = "GET", path = "/v1/providers/{id}/history", permission = "providers.view", subject = named,
    summary = "What became of a provider, from the beginning", query = validation.history,
    responses = { [200] = answers.provider_history },
    handler = function(req)
      local rows = db.query(provider_states.history, req.params.id, req.query.limit + 1,
        (cursor.decode(req.query.cursor, "bigint")))
      local last = rows:keep(req.query.limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.id) or json.null }
    end,
  },
}
