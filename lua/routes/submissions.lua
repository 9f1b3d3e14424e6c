-- What a provider is asked and has answered, and the reviews of it.
local answers = require "validation.answers"
local compliance = require "workflows.compliance"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local problem = require "mb.problem"
local queries = require "queries.submissions"
local rules = require "validation.compliance"
local validation = require "validation.submissions"
local workflow = require "workflows.submissions"

local PATH <const> = "/v1/providers/{id}/submissions"
local BY_REQUIREMENT <const> = "The requirement by its id, or by its slug behind that of its type and a point, "
  .. "as general-practitioner.hpcsa-number. "

-- As answers.submission has it.
local function shown(it)
  local row = it.row
  return {
    requirementTypeId = it.id, key = it.key, name = row.name, description = row.description,
    providerTypeId = row.providerTypeId, isRequired = it.isRequired, validationType = row.validationType,
    config = it.config, sources = it.sources, ignored = json.array(it.ignored), status = it.status,
    answer = it.answer, submittedAt = row.submittedAt, approvedAt = row.approvedAt, expiresAt = row.expiresAt,
    validatedAt = row.validatedAt, notes = row.notes, warning = rules.warning(it, row.today), version = row.version,
  }
end

local function subject_provider(req)
  return db.query(queries.subject, req.params.id, "")[1]
end

local function subject(req)
  return db.query(queries.subject, req.params.id, req.params.requirementType)[1]
end

-- The requirement of a row of `subject`, judged; raises when there is none.
local function asked(row)
  if row.requirementTypeId then
    for _, it in ipairs(compliance.read(row.providerId, { requirement = row.requirementTypeId })) do
      if it.id == row.requirementTypeId then
        return it
      end
    end
  end
  error(problem(404, "not_found", "requirement not found"))
end

local function conflicts(...)
  return { [409] = { "requirement_retired", ... } }
end

local function review_route(action, summary, description, body, errors)
  return {
    method = "POST", path = PATH .. "/{requirementType}/" .. action, permission = "submissions.review",
    subject = subject, auth = true, summary = summary, description = BY_REQUIREMENT .. description, body = body,
    headers = { idempotency.HEADER, conditional.HEADER }, responses = { [200] = answers.reviewed_submission },
    errors = errors,
    handler = function(req, row, judge)
      asked(row)
      local taken = req.body.revoke and "revoke" or action
      return 200, json.raw(workflow.review(req, row, judge, taken, conditional.expected(req, row.version)))
    end,
  }
end

return {
  {
    method = "GET", path = PATH, permission = "submissions.view", subject = subject_provider,
    summary = "What a provider is asked, what it answered, and what became of that",
    description = "All that its types ask, with the configuration in force, and what it answered beyond.",
    responses = { [200] = answers.submissions },
    handler = function(_, row)
      local list = json.array()
      for i, it in ipairs(compliance.read(row.providerId)) do
        list[i] = shown(it)
      end
      return { data = list }
    end,
  },
  {
    method = "PUT", path = PATH .. "/{requirementType}", permission = "submissions.answer", subject = subject,
    summary = "Answer what a provider is asked",
    description = BY_REQUIREMENT .. "Also of a type that the provider is not of yet. Another answer than before "
      .. "waits for its review, and until then what was approved counts. The same one again changes nothing.",
    body = validation.put, responses = { [200] = answers.submission }, errors = conflicts(),
    handler = function(req, row)
      local answer, why = validation.stored(asked(row), req.body)
      if not answer then
        return problem(422, "validation_failed", why.pointer:sub(2) .. " " .. why.detail,
          { errors = json.array { why } })
      end
      workflow.answer(req, row, answer)
      return shown(asked(row))
    end,
  },
  review_route("approve", "Approve the answer that waits",
    "It counts from now on, until it expires. If-Match with its version refuses what was answered since.",
    validation.approve, conflicts("transition_not_allowed", "already_approved", "answer_expired")),
  review_route("reject", "Reject the answer that waits, or revoke one that counts",
    "What was approved before counts on, unless `revoke` says otherwise.", validation.reject,
    conflicts("transition_not_allowed", "already_rejected")),
  {
    method = "GET", path = "/v1/submissions", permission = "submissions.review",
    summary = "Answers that wait for their review, or were reviewed", query = validation.list,
    responses = { [200] = answers.submission_desk },
    handler = function(req)
      local q = req.query
      local after_at, after_id = cursor.decode(q.cursor, "instant", "text")
      local rows = db.query(queries.desk, q.status, q.limit + 1, after_at, after_id)
      local last = rows:keep(q.limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.submittedAt, last.id) or json.null }
    end,
  },
}
