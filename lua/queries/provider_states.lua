-- The status of providers, as lua/workflows/provider_states.lua moves it.
local query = require "mb.query"

return {
  -- $1 request (mb_move_provider).
  move = query.write("provider_states.move", [[
SELECT x.outcome, x.status, x.version, x.body FROM mb_move_provider($1::jsonb) x]]),

  -- What became of one, in order. $1 provider, $2 most rows, $3 the last row of the page before, or null.
  history = query.read("provider_states.history", [[
SELECT h."id"::text AS "id", h."action", h."fromStatus", h."toStatus", h."reason",
       CASE WHEN h."userId" IS NULL THEN 'SERVER' WHEN h."userId" = p."userId" THEN 'PROVIDER' ELSE 'ADMIN' END AS "by",
       h."createdAt"
  FROM "StatusHistory" h
  JOIN "Provider" p ON p."id" = h."resourceId"
 WHERE h."resource" = 'Provider' AND h."resourceId" = $1 AND h."id" > coalesce($3::bigint, 0)
 ORDER BY h."id"
 LIMIT $2]]),

  -- Trials that are to be warned or are over, also of those that are suspended, longest first. $1 how long before the
  -- end they are warned, as '7d'.
  trials = query.read("provider_states.trials", [[
SELECT p."id", p."status" = 'TRIAL' AND p."trialEnded" <= (SELECT mb_now()) AS "is_over"
  FROM "Provider" p
 WHERE p."trialStatus" IN ('ACTIVE', 'EXPIRING_SOON')
   AND (p."status" = 'TRIAL' OR p."suspendedFrom" = 'TRIAL')
   AND (p."trialEnded" <= (SELECT mb_now())
        OR p."trialStatus" = 'ACTIVE' AND p."trialEnded" <= (SELECT mb_now() + $1::interval))
 ORDER BY p."trialEnded"
 LIMIT 200]]),

  -- Warns one, or ends it while it is suspended. $1 provider, $2 as in `trials`.
  note_trial = query.write("provider_states.note_trial", [[SELECT mb_note_trial($1, $2::interval) AS "event"]]),

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
