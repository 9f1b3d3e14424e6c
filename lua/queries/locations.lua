-- Locations, beside what their resource reads and writes.
local query = require "mb.query"

return {
  -- The location that an organization is to get, as the rules look at it: none yet. $1 organization.
  place = query.read("locations.place", [[
SELECT NULL::text AS "id", o."id" AS "organizationId", o."isListed" AS "_isListed"
  FROM "Organization" o WHERE o."id" = $1]]),

  -- One as its rules look at it. $1 location.
  one = query.read("locations.one", [[
SELECT l."id", l."organizationId", l."version", l."isListed" AS "_isListed" FROM "Location" l WHERE l."id" = $1]]),

  -- $1 request (mb_create_location). id and version: of the body, where there is one.
  create = query.write("locations.create", [[
SELECT x.outcome, x.body::json ->> 'id' AS "id", (x.body::json ->> 'version')::integer AS "version", x.body
  FROM mb_create_location($1::jsonb) x]]),

  -- $1 request (mb_close_location), $2 location, $3 the version that is meant. holders: a JSON list of words.
  close = query.write("locations.close", [[
SELECT x.outcome, array_to_json(x.holders)::text AS "holders" FROM mb_close_location($1::jsonb, $2, $3) x]]),
}
