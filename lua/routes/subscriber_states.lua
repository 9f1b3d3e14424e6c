-- What becomes of providers and organizations: the steps of their workflows, and which were taken.
local answers = require "validation.answers"
local caller = require "mb.caller"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local organization = require "resources.organizations"
local organizations = require "queries.organizations"
local providers = require "queries.providers"
local subscribers = require "queries.subscribers"
local validation = require "validation.subscriber_states"
local with = require "mb.with"

local KINDS <const> = {
  {
    name = "providers", one = "a provider", any = providers.any, answer = answers.own_provider, sees = "providers.view",
    history = answers.provider_history, steps = subscribers.provider_history,
    workflow = require "workflows.provider_states", incomplete = "requirements_incomplete",
    has = "has all that the law asks",
  },
  {
    name = "organizations", one = "an organization", any = organizations.any, answer = organization.answer,
    sees = "organizations.inspect", history = answers.organization_history, steps = subscribers.organization_history,
    workflow = require "workflows.organization_states", incomplete = "organization_incomplete",
    has = "has an owner, a location, and an e-mail address or phone number",
  },
}

-- action, rule, summary of one of its kind, body, and what else it may conflict with: the name of a key of the kind, or
-- a code.
local STEPS <const> = {
  { "approve", "decide", "Approve %s that waits for it and ${has}", validation.none, "incomplete" },
  { "reject", "decide", "Reject %s that waits to be approved", validation.reason },
  { "reset", "decide", "Let %s wait again that was rejected or has given up", validation.none },
  { "start_trial", "own", "Begin the trial of %s, which each has once", validation.none, "trial_used" },
  { "activate", "decide", "Take %s into service, as a subscription does", validation.none },
  { "suspend", "decide", "Suspend %s: nobody finds it or books there", validation.reason },
  { "reinstate", "decide", "End a suspension: %s is what it was before", validation.none },
  { "cancel", "own", "Give up %s", validation.optional_reason },
}

-- The conflicts that a step may meet.
local function conflicts_of(kind, action, more)
  local codes = { "transition_not_allowed" }
  codes[2] = more and (kind[more] or more)
  for _, it in ipairs(kind.workflow.machine.by_action[action]) do
    codes[#codes + 1] = it.to and "already_" .. it.to:lower()
  end
  return { [409] = codes }
end

-- The one that the path names, in any status; nil when there is none.
local function named(kind)
  return function(req) return db.query(kind.any, req.params.id)[1] end
end

local function step_route(kind, action, rule, summary, body, more)
  return {
    method = "POST", path = ("/v1/%s/{id}/%s"):format(kind.name, (action:gsub("_", "-"))),
    permission = ("%s.%s"):format(kind.name, rule), subject = named(kind),
    summary = (summary:format(kind.one):gsub("%${(%w+)}", kind)), body = body,
    headers = { idempotency.HEADER, conditional.HEADER }, sends = { conditional.ETAG },
    responses = { [200] = kind.answer }, errors = conflicts_of(kind, action, more),
    handler = function(req, row, judge)
      local done = kind.workflow:move(row, action, with(caller.of(req, 200), {
        version = conditional.expected(req, row.version), reason = req.body.reason,
      }), judge)
      return 200, json.raw(done.body), { ETag = conditional.etag(done.version) }
    end,
  }
end

local function history_route(kind)
  return {
    method = "GET", path = ("/v1/%s/{id}/history"):format(kind.name), permission = kind.sees, subject = named(kind),
    summary = ("What became of %s, from the beginning"):format(kind.one), query = validation.history,
    responses = { [200] = kind.history },
    handler = function(req)
      local rows = db.query(kind.steps, req.params.id, req.query.limit + 1,
        (cursor.decode(req.query.cursor, "bigint")))
      local last = rows:keep(req.query.limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.id) or json.null }
    end,
  }
end

local routes = {}
for _, kind in ipairs(KINDS) do
  for _, it in ipairs(STEPS) do
    routes[#routes + 1] = step_route(kind, table.unpack(it))
  end
  routes[#routes + 1] = history_route(kind)
end
return routes
