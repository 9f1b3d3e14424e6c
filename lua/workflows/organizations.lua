-- How somebody registers an organization. One statement does it in one round trip (migrations/R__organizations.sql);
-- here its outcomes become answers.
local caller = require "mb.caller"
local config = require "mb.config"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local organizations = require "queries.organizations"
local problem = require "mb.problem"
local with = require "mb.with"

-- outcome -> status, detail
local REFUSALS <const> = {
  email_not_verified = { 403, "verify the e-mail address of your account first" },
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
}
local NO_ZONE <const> = "is no time zone of IANA, such as Africa/Johannesburg"

-- Makes an organization whose owner is the caller: { id, version, body }, body JSON text. Raises problems.
local function create(req)
  local given = with({ timeZone = config "time_zone" }, req.body)
  local done = db.query(organizations.create, json.encode(with(caller.of(req, 201), {
    organization = id.cuid(), membership = id.cuid(), given = given,
  })))[1]
  if done.outcome == "unknown_zone" then
    error(problem(422, "validation_failed", "timeZone " .. NO_ZONE,
      { errors = json.array { { pointer = "/timeZone", detail = NO_ZONE } } }))
  elseif REFUSALS[done.outcome] then
    error(problem(REFUSALS[done.outcome][1], done.outcome, REFUSALS[done.outcome][2]))
  end
  return done
end

return { create = create }
