-- How a provider says what it takes for a service, changes that and gives it up. One statement does each in one round
-- trip (migrations/R__service_configs.sql); here its outcomes become answers.
local caller = require "mb.caller"
local configs = require "queries.service_configs"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local problem = require "mb.problem"

-- outcome -> status, detail
local REFUSALS <const> = {
  config_exists = { 409, "there is one for this service and place: change it, or take it up again if it is retired" },
  not_connected = { 409, "the organization of this location and the provider do not work together" },
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
  version_mismatch = { 412, "this was changed meanwhile: look at it again" },
}
-- outcome -> field, what is wrong with it
local WRONG <const> = {
  unknown_service = { "serviceId", "names nothing that exists" },
  retired_service = { "serviceId", "is retired" },
  service_of_other_type = { "serviceId", "is of a provider type that this provider does not have" },
  unknown_location = { "locationId", "names nothing that exists" },
  no_way_to_meet = { "isInPerson", "must be true, or isOnlineAvailable: there is no other way to meet" },
}

-- The row that the statement answers. Raises problems.
local function ask(statement, request)
  local done = db.query(statement, json.encode(request))[1]
  local known, wrong = REFUSALS[done.outcome], WRONG[done.outcome]
  if known then
    error(problem(known[1], done.outcome, known[2]))
  elseif wrong then
    local name, why = wrong[1], wrong[2]
    error(problem(422, "validation_failed", name .. " " .. why,
      { errors = json.array { { pointer = "/" .. name, detail = why } } }))
  end
  return done
end

-- -> { id, version, body }, body JSON text. Raises problems.
local function create(req, provider_id)
  local request = caller.of(req, 201)
  request.config, request.provider, request.given = id.cuid(), provider_id, req.body
  return ask(configs.create, request)
end

local function request_about(req, row)
  local request = caller.of(req)
  request.config, request.provider, request.version = row.id, row.providerId, row.version
  return request
end

-- row: as the caller knows it. -> { version, body }, body JSON text. Raises problems.
local function change(req, row)
  local request = request_about(req, row)
  request.given = req.body
  return ask(configs.change, request)
end

-- row: as the caller knows it. Raises problems.
local function delete(req, row)
  local done = ask(configs.delete, request_about(req, row))
  if done.outcome == "in_use" then
    local holders = json.decode(done.holders)
    error(problem(409, "in_use", ("this is in use: %s refer to it; retire it instead"):format(
      table.concat(holders, ", ")), { members = { holders = json.array(holders) } }))
  end
end

return { create = create, change = change, delete = delete }
