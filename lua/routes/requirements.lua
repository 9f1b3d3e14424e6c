-- What providers of a type are asked before they are approved, and whether answers would do.
local answers = require "validation.answers"
local compliance = require "validation.compliance"
local db = require "mb.db"
local json = require "mb.json"
local overrides = require "validation.overrides"
local problem = require "mb.problem"
local requirement_answer = require "validation.requirement_answer"
local requirement_types = require "validation.requirement_types"
local requirements = require "queries.requirements"
local server_config = require "mb.config"
local validation = require "validation.requirements"
local workflow = require "workflows.requirements"

-- Whoever answers is no provider yet, as far as the server knows: their day is that of the installation.
local ZONE <const> = server_config "time_zone"

-- The type of a request as its rule wants it, with the rows of what it asks; nil without such a type.
local function find(req)
  local rows = db.query(requirements.of_type, req.params.id, ZONE)
  return rows[1] and { isActive = rows[1].isActive, rows = rows }
end

-- What is asked, each with its configuration in force and where that came from; and by requirement what
-- compliance.is_required judges.
local function effective(asked, organization)
  local list, held = json.array(), {}
  for i = 1, #asked.rows do
    local row = asked.rows[i]
    if row.id then
      local config, sources, ignored, rules = overrides:effective({
        providerType = row.providerType, slug = row.slug, validationType = row.validationType,
        config = requirement_types.config_of(row.validationConfig),
      }, organization)
      list[#list + 1] = {
        id = row.id, key = row.slug, name = row.name, description = row.description,
        isRequired = compliance.is_always_required(row, rules), isConditional = rules.required_if ~= nil,
        effectiveFrom = row.effectiveFrom, validationType = row.validationType,
        config = config, sources = sources, ignored = json.array(ignored),
      }
      held[row.id] = { key = row.slug, row = row, rules = rules }
    end
  end
  return list, held
end

-- What is written for this type, or nearly for it, and matches nothing.
local function unmatched(provider_type)
  local list = json.array()
  for _, it in ipairs(workflow.unmatched(overrides)) do
    if it.providerType == provider_type then
      list[#list + 1] = { source = it.source, reason = it.reason }
    end
  end
  return list
end

-- The pointer of the field that holds an answer of this type.
local function field_of(type_name, answer)
  return type_name == "DOCUMENT" and "document" or answer.values and "values" or "value"
end

local function judge_all(list, held, given, today)
  local known, given_to, by_slug = {}, {}, {}
  for _, it in ipairs(list) do
    known[it.key] = it
  end
  for _, it in ipairs(list) do
    known[it.id] = it
  end
  local judged, errors = json.array(), json.array()
  for i, answer in ipairs(given) do
    local it = known[answer.requirementId]
    local at = ("/answers/%d/"):format(i - 1)
    if not it then
      errors[#errors + 1] = { pointer = at .. "requirementId", detail = "is not asked of this provider type" }
    else
      local value, why, warning = requirement_answer.judge(it.validationType, it.config, answer, today)
      given_to[it.id] = true
      if value == nil then
        errors[#errors + 1] = { pointer = at .. field_of(it.validationType, answer), detail = why }
      else
        judged[#judged + 1] = { requirementId = it.id, value = value, warning = warning }
        by_slug[it.key] = type(value) == "table" and value.values or value
      end
    end
  end
  local missing = json.array()
  for _, it in ipairs(list) do
    missing[#missing + 1] = not given_to[it.id] and compliance.is_required(held[it.id], by_slug) and it.id or nil
  end
  return judged, errors, missing
end

return {
  {
    method = "GET", path = "/v1/provider-types/{id}/requirements", permission = "provider_types.view", subject = find,
    summary = "What providers of a type are asked, and by which rules answers are judged",
    description = "Of a type by its id or its slug.",
    query = validation.list,
    responses = { [200] = answers.requirements },
    handler = function(req, asked)
      local list = effective(asked, req.query.organizationId)
      return { data = list, unmatched = unmatched(asked.rows[1].providerType) }
    end,
  },
  {
    method = "POST", path = "/v1/provider-types/{id}/requirements/check", permission = "provider_types.view",
    subject = find, summary = "Judge answers without keeping them",
    body = validation.check,
    responses = { [200] = answers.judged },
    handler = function(req, asked)
      local list, held = effective(asked, req.body.organizationId)
      local judged, errors, missing = judge_all(list, held, req.body.answers, asked.rows[1].today)
      if #errors > 0 then
        return problem(422, "validation_failed", errors[1].pointer:sub(2) .. " " .. errors[1].detail,
          { errors = errors })
      end
      return { data = judged, missing = missing }
    end,
  },
}
