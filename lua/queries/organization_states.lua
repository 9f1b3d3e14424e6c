-- What mails about the status of organizations say, and to whom.
local query = require "mb.query"

return {
  -- Who owns one and can be written to. $1 organization.
  owners = query.read("organization_states.owners", [[
SELECT u."id"
  FROM "OrganizationMembership" m
  JOIN "User" u ON u."id" = m."userId"
 WHERE m."organizationId" = $1 AND m."role" = 'OWNER' AND m."status" = 'ACTIVE' AND u."emailVerified" IS NOT NULL
 ORDER BY u."id"]]),

  -- What a mail about a step says of it: $1 organization, $2 when the step was taken, $3 user: no row when that owns it
  -- no more.
  letter = query.read("organization_states.letter", [[
SELECT u."name", u."email" AS "address", o."name" AS "organization", o."timeZone",
       to_char(o."trialEnded" AT TIME ZONE o."timeZone", 'FMDD FMMonth YYYY, HH24:MI') AS "trialEnd",
       (SELECT h."reason" FROM "StatusHistory" h
         WHERE h."resource" = 'Organization' AND h."resourceId" = o."id" AND h."createdAt" = $2::timestamptz
         ORDER BY h."id" DESC LIMIT 1) AS "reason"
  FROM "Organization" o
  JOIN "OrganizationMembership" m ON m."organizationId" = o."id"
  JOIN "User" u ON u."id" = m."userId"
 WHERE o."id" = $1 AND u."id" = $3 AND m."role" = 'OWNER' AND m."status" = 'ACTIVE'
   AND u."emailVerified" IS NOT NULL]]),

  -- $1 administrator, $2 organization: no row when it waits no more.
  waiting = query.read("organization_states.waiting", [[
SELECT u."name", u."email", o."name" AS "organization"
  FROM "User" u, "Organization" o
 WHERE u."id" = $1 AND o."id" = $2 AND o."status" = 'PENDING_APPROVAL']]),
}
