-- What stands between a provider and patients, and until when nothing does ("Provider"."compliantUntil", which is all
-- that the bookable predicate knows of it).
local config = require "mb.config"
local db = require "mb.db"
local jobs = require "workflows.jobs"
local json = require "mb.json"
local submissions = require "queries.submissions"

local NOTICE <const> = config.declare("compliance.notice", {
  type = "duration", default = "60d", least = "0s", most = "3650d",
  help = "how long providers who were approved before have to answer what a script or plugin makes required",
})
local AT_ONCE <const> = 50 -- providers

-- Set by load, once: the rules of validation/compliance.lua.
local rules

-- What a provider is held to, judged (validation/compliance.lua). options: tx = a transaction, until whose end no
-- answer, review or status of the provider changes then; types = ids of provider types in the place of the provider's;
-- requirement = the id of one that is listed too when it is not asked.
local function read(provider_id, options)
  options = options or {}
  local rows
  if options.tx then
    options.tx:query(submissions.lock, { provider_id })
    rows = options.tx:query(submissions.of_providers, { provider_id }, options.types, options.requirement)
  else
    rows = db.query(submissions.of_providers, { provider_id }, options.types, options.requirement)
  end
  return rules.read(rows)
end

-- What is required of a provider and lacks an answer that was approved and counts: a list of { requirementTypeId, key,
-- name, providerType, status }, status NOT_SUBMITTED, PENDING, REJECTED or EXPIRED. tx: as for read; types: ids of
-- those that the provider would have.
local function missing(provider_id, tx, types)
  local list = json.array()
  for _, it in ipairs(read(provider_id, { tx = tx, types = types })) do
    if it.isRequired and not it.isCovered then
      list[#list + 1] = {
        requirementTypeId = it.id, key = it.key, name = it.row.name, providerType = it.row.providerType,
        status = it.status,
      }
    end
  end
  return list
end

-- The rows of a list, by provider.
local function group(rows)
  local by_provider = {}
  for i = 1, #rows do
    local list = by_provider[rows[i].providerId] or {}
    by_provider[rows[i].providerId] = list
    list[#list + 1] = rows[i]
  end
  return by_provider
end

-- Stores until when these providers comply, within a transaction, perhaps that which changed what it follows from:
-- types of a provider, or when it was approved. Answers that have expired are open again after it.
local function settle(provider_ids, tx)
  tx:query(submissions.lock, provider_ids)
  local by_provider = group(tx:query(submissions.of_providers, provider_ids, nil, nil))
  local list, known = json.array(), {}
  for i, id in ipairs(provider_ids) do
    list[i] = { provider = id, rules = rules.rules_of(rules.read(by_provider[id] or {}, known)) }
  end
  tx:query(submissions.settle, json.encode(list))
end

local function ids_of(rows)
  local ids = {}
  for i = 1, #rows do
    ids[i] = rows[i].id
  end
  return ids
end

-- Settles the providers that come after one by their ids, or of all the first: the id of the last one; nil when there
-- are no more.
local function settle_next(after)
  if after == "" then
    local rows, scripted = db.query(submissions.requirements), {}
    for i = 1, #rows do
      scripted[#scripted + 1] = rules.is_scripted(rows[i]) and rows[i].id or nil
    end
    db.query(submissions.note_scripted, scripted, NOTICE)
  end
  local ids = ids_of(db.query(submissions.next_providers, after, AT_ONCE))
  if #ids > 0 then
    db.tx(function(tx) settle(ids, tx) end)
  end
  return #ids == AT_ONCE and ids[#ids] or nil
end

-- What follows from the rules may be another thing with these scripts: the first providers are settled at once, the
-- others by jobs.
local function load(those)
  rules = those
  jobs.at_start(function()
    local last = settle_next ""
    if last then
      jobs.enqueue("compliance.settle", { after = last })
    end
  end)
end

-- Opens what has expired, of some providers: whether there may be more.
local function lapse()
  local ids = ids_of(db.query(submissions.lapsed, AT_ONCE))
  if #ids > 0 then
    db.tx(function(tx) settle(ids, tx) end)
  end
  return #ids > 0
end

return {
  load = load, read = read, missing = missing, settle = settle, settle_next = settle_next, lapse = lapse,
}
