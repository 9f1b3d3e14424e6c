-- Organizations, beside what their resource reads and writes.
local query = require "mb.query"

return {
  -- $1 request (mb_create_organization). id and version: of the body, where there is one.
  create = query.write("organizations.create", [[
SELECT x.outcome, x.body::json ->> 'id' AS "id", (x.body::json ->> 'version')::integer AS "version", x.body
  FROM mb_create_organization($1::jsonb) x]]),
}
