-- How locations are added and closed. One statement does each in one round trip (migrations/R__locations.sql); here its
-- outcomes become answers.
local caller = require "mb.caller"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local locations = require "queries.locations"
local problem = require "mb.problem"
local with = require "mb.with"

-- outcome -> status, detail and, where it is about a field, what is wrong with which
local REFUSALS <const> = {
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
  organization_out_of_service = { 409, "a suspended or cancelled organization gets nothing new" },
  place_taken = { 409, "another location has this place already", "/googlePlaceId", "is taken" },
  version_mismatch = { 412, "this was changed meanwhile: look at it again" },
}
local NO_ZONE <const> = "is no time zone of IANA, such as Africa/Johannesburg"

local function refuse(outcome)
  local it = REFUSALS[outcome]
  if it then
    error(problem(it[1], outcome, it[2],
      it[3] and { errors = json.array { { pointer = it[3], detail = it[4] } } } or nil))
  end
end

-- Adds a location to the organization: { id, version, body }, body JSON text. Raises problems.
local function create(req, organization)
  local done = db.query(locations.create, json.encode(with(caller.of(req, 201), {
    organization = organization, location = id.cuid(), given = req.body,
  })))[1]
  if done.outcome == "unknown_zone" then
    error(problem(422, "validation_failed", "timeZone " .. NO_ZONE,
      { errors = json.array { { pointer = "/timeZone", detail = NO_ZONE } } }))
  end
  refuse(done.outcome)
  return done
end

-- Closes a location that is at this version. Raises problems.
local function close(req, location, version)
  local done = db.query(locations.close, json.encode(caller.of(req, 204)), location, version)[1]
  if done.outcome == "in_use" then
    local holders = json.array(json.decode(done.holders))
    error(problem(409, "in_use", ("this location is in use: %s refer to it"):format(table.concat(holders, ", ")),
      { members = { holders = holders } }))
  end
  refuse(done.outcome)
end

return { create = create, close = close }
