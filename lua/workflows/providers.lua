-- How somebody becomes a provider and changes what it says of itself. One statement does each in one round trip
-- (migrations/R__providers.sql); here its outcomes become answers.
local caller = require "mb.caller"
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
    error(problem(412, "version_mismatch", "this was changed meanwhile: look at it again"))
  elseif done.outcome == "unknown_zone" then
    error(problem(422, "validation_failed", "timeZone is no time zone", { errors = json.array {
      { pointer = "/timeZone", detail = "is no time zone of IANA, such as Africa/Johannesburg" },
    } }))
  end
  return done
end

return { create = create, change = change }
