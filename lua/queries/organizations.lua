-- Organizations, beside what their resource reads and writes.
local query = require "mb.query"

return {
  -- $1 request (mb_create_organization). id and version: of the body, where there is one.
  create = query.write("organizations.create", [[
SELECT x.outcome, x.body::json ->> 'id' AS "id", (x.body::json ->> 'version')::integer AS "version", x.body
  FROM mb_create_organization($1::jsonb) x]]),

  -- One in any status, as its rules look at it. $1 organization.
  any = query.read("organizations.any", [[
SELECT o."id", o."status", o."version", o."isListed" AS "_isListed" FROM "Organization" o WHERE o."id" = $1]]),

  -- Keeps others from moving and changing it. $1 organization.
  lock = query.write("organizations.lock", [[SELECT FROM "Organization" o WHERE o."id" = $1 FOR NO KEY UPDATE]]),

  -- What its approval waits for. $1 organization.
  missing = query.read("organizations.missing", [[
SELECT x.what
  FROM "Organization" o
 CROSS JOIN LATERAL (VALUES
       (1, 'owner', EXISTS (SELECT FROM "OrganizationMembership" m
                             WHERE m."organizationId" = o."id" AND m."role" = 'OWNER' AND m."status" = 'ACTIVE')),
       (2, 'location', EXISTS (SELECT FROM "Location" l WHERE l."organizationId" = o."id" AND NOT l."closed")),
       (3, 'contact', coalesce(o."email", o."phone") IS NOT NULL)) x (place, what, is_there)
 WHERE o."id" = $1 AND NOT x.is_there
 ORDER BY x.place]]),
}
