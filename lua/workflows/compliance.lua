-- What stands between a provider and patients.
local db = require "mb.db"
local json = require "mb.json"
local submissions = require "queries.submissions"

-- Set by load, once: the rules of validation/compliance.lua.
local rules

local function load(those)
  rules = those
end

-- What is asked of a provider and lacks an answer that was approved and counts: a list of { requirementTypeId, key,
-- name, providerType, status }, status NOT_SUBMITTED, PENDING, REJECTED or APPROVED (it has expired). With a
-- transaction, no answer, review or status of the provider changes until it ends.
local function missing(provider_id, tx)
  local rows
  if tx then
    tx:query(submissions.lock, provider_id)
    rows = tx:query(submissions.of_provider, provider_id)
  else
    rows = db.query(submissions.of_provider, provider_id)
  end
  local list = json.array()
  for i = 1, #rows do
    local row = rows[i]
    local it = rules.in_force(row)
    if it.isRequired and not row.isCovered then
      list[#list + 1] = {
        requirementTypeId = it.id, key = it.key, name = it.name, providerType = it.providerType,
        status = row.status or "NOT_SUBMITTED",
      }
    end
  end
  return list
end

return { load = load, missing = missing }
