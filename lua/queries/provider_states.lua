-- What mails about the status of providers say.
local query = require "mb.query"

return {
  -- What a mail about a step says of it: $1 provider, $2 when the step was taken. address: of the account, or what
  -- patients write to where that has none that is verified.
  letter = query.read("provider_states.letter", [[
SELECT p."name", coalesce(CASE WHEN u."emailVerified" IS NOT NULL THEN u."email" END,
                          nullif(p."email", 'default@example.com')) AS "address",
       to_char(p."trialEnded" AT TIME ZONE p."timeZone", 'FMDD FMMonth YYYY, HH24:MI') AS "trialEnd", p."timeZone",
       (SELECT h."reason" FROM "StatusHistory" h
         WHERE h."resource" = 'Provider' AND h."resourceId" = p."id" AND h."createdAt" = $2::timestamptz
         ORDER BY h."id" DESC LIMIT 1) AS "reason"
  FROM "Provider" p
  JOIN "User" u ON u."id" = p."userId"
 WHERE p."id" = $1]]),

  -- Those who decide about providers and can be written to.
  admins = query.read("provider_states.admins", [[
SELECT u."id"
  FROM "User" u
 WHERE u."role" IN ('ADMIN', 'SUPER_ADMIN') AND u."emailVerified" IS NOT NULL
   AND (u."accountLockedUntil" IS NULL OR u."accountLockedUntil" <= mb_now())
 ORDER BY u."id"]]),

  -- $1 administrator, $2 provider: no row when it waits no more.
  waiting = query.read("provider_states.waiting", [[
SELECT u."name", u."email", p."name" AS "provider"
  FROM "User" u, "Provider" p
 WHERE u."id" = $1 AND p."id" = $2 AND p."status" = 'PENDING_APPROVAL']]),
}
