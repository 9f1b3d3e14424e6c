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
}
