-- How somebody becomes a provider and changes what it says of itself. One statement does each in one round trip
-- (migrations/R__providers.sql); here its outcomes become answers.
local caller = require "mb.caller"
local compliance = require "workflows.compliance"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local problem = require "mb.problem"
local providers = require "queries.providers"

-- outcome -> status, detail
local REFUSALS <const> = {
  email_not_verified = { 403, "verify the e-mail address of your account first" },
  provider_exists = { 409, "you are a provider already" },
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
}

-- Names each that is no provider type, or no longer, at its place in the body.
local function refuse_types(given, unknown)
  local is_unknown, errors = {}, json.array()
  for _, type_id in ipairs(unknown) do
    is_unknown[type_id] = true
  end
  for i, type_id in ipairs(given) do
    if is_unknown[type_id] then
      errors[#errors + 1] = {
        pointer = ("/providerTypeIds/%d"):format(i - 1),
        detail = ("'%s' is no provider type, or is retired"):format(type_id),
      }
    end
  end
  error(problem(422, "validation_failed", errors[1].detail, { errors = errors }))
end

local function refuse_version()
  error(problem(412, "version_mismatch", "this was changed meanwhile: look at it again"))
end

-- Makes the caller, who is none yet, a provider: { id, version, body }, body JSON text. Raises problems.
local function create(req)
  local request = caller.of(req, 201)
  request.provider, request.given = id.cuid(), req.body
  local done = db.query(providers.create, json.encode(request))[1]
  if done.outcome == "unknown_types" then
    refuse_types(req.body.providerTypeIds, json.decode(done.unknown))
  elseif REFUSALS[done.outcome] then
    error(problem(REFUSALS[done.outcome][1], done.outcome, REFUSALS[done.outcome][2]))
  end
  return done
end

-- row: { id, version } of the provider, as the caller knows it. -> { version, body }, body JSON text. Raises problems.
local function change(req, row)
  local request = caller.of(req)
  request.provider, request.version, request.given = row.id, row.version, req.body
  local done = db.query(providers.change, json.encode(request))[1]
  if done.outcome == "version_mismatch" then
    refuse_version()
  elseif done.outcome == "unknown_zone" then
    error(problem(422, "validation_failed", "timeZone is no time zone", { errors = json.array {
      { pointer = "/timeZone", detail = "is no time zone of IANA, such as Africa/Johannesburg" },
    } }))
  end
  return done
end

-- Names the types that cannot go, and who holds them.
local function refuse_stuck(stuck)
  local names, holders, ids, seen = {}, json.array(), json.array(), {}
  local function note(list, value)
    list[#list + 1] = not seen[value] and value or nil
    seen[value] = true
  end
  for _, it in ipairs(stuck) do
    note(names, it.name)
    note(ids, it.id)
    note(holders, it.holder)
  end
  error(problem(409, "in_use", ("%s cannot go: %s refer to services of it"):format(table.concat(names, ", "),
    table.concat(holders, " and ")), { members = { holders = holders, providerTypeIds = ids } }))
end

-- The types of the body become those of the provider; whoever is approved has what new ones ask first. row: as for
-- change, and what this answers too.
local function set_types(req, row)
  local request = caller.of(req)
  request.provider, request.version, request.given = row.id, row.version, req.body
  local made
  db.tx(function(tx)
    local done = tx:query(providers.assign_types, json.encode(request))[1]
    if done.outcome == "version_mismatch" then
      refuse_version()
    elseif done.outcome == "unknown_types" then
      refuse_types(req.body.providerTypeIds, json.decode(done.unknown))
    elseif done.outcome == "in_use" then
      refuse_stuck(json.decode(done.stuck))
    elseif done.outcome == "unchanged" then
      made = row
      return
    end
    local added = json.decode(done.added)
    local missing = done.isApproved and #added > 0 and compliance.missing(row.id, tx, added) or {}
    if #missing > 0 then
      error(problem(409, "requirements_incomplete", "what the law asks of the new types is not complete",
        { members = { missing = missing } }))
    end
    compliance.settle({ row.id }, tx)
    made = tx:query(providers.conclude_types, json.encode(request))[1]
  end)
  return made
end

return { create = create, change = change, set_types = set_types }
