-- The status of providers and organizations, as lua/workflows/subscribers.lua moves it.
local query = require "mb.query"

-- Trials that are to be warned or are over, also of those that are suspended, longest first.
local TRIALS <const> = [[
SELECT p."id", p."status" = 'TRIAL' AND p."trialEnded" <= (SELECT mb_now()) AS "is_over"
  FROM "%s" p
 WHERE p."trialStatus" IN ('ACTIVE', 'EXPIRING_SOON')
   AND (p."status" = 'TRIAL' OR p."suspendedFrom" = 'TRIAL')
   AND (p."trialEnded" <= (SELECT mb_now())
        OR p."trialStatus" = 'ACTIVE' AND p."trialEnded" <= (SELECT mb_now() + $1::interval))
 ORDER BY p."trialEnded"
 LIMIT 200]]

-- What became of one, in order. SQL that tells its own steps h from those of administrators, what they are called, and
-- the table.
local HISTORY <const> = [[
SELECT h."id"::text AS "id", h."action", h."fromStatus", h."toStatus", h."reason",
       CASE WHEN h."userId" IS NULL THEN 'SERVER' WHEN %s THEN '%s' ELSE 'ADMIN' END AS "by", h."createdAt"
  FROM "StatusHistory" h
 WHERE h."resource" = '%s' AND h."resourceId" = $1 AND h."id" > coalesce($3::bigint, 0)
 ORDER BY h."id"
 LIMIT $2]]

local OWN <const> = {
  Provider = [[EXISTS (SELECT FROM "Provider" p WHERE p."id" = h."resourceId" AND p."userId" = h."userId")]],
  Organization = [[EXISTS (SELECT FROM "OrganizationMembership" m
                            WHERE m."organizationId" = h."resourceId" AND m."userId" = h."userId")]],
}

local function trials_of(resource) return TRIALS:format(resource) end

local function history_of(resource) return HISTORY:format(OWN[resource], resource:upper(), resource) end

return {
  -- $1 request (mb_move_subscriber).
  move = query.write("subscribers.move", [[
SELECT x.outcome, x.status, x.version, x.body FROM mb_move_subscriber($1::jsonb) x]]),

  -- Warns one, or ends it while it is suspended. $1 table, $2 id, $3 how long before the end it is warned, as '7d'.
  note_trial = query.write("subscribers.note_trial", [[SELECT mb_note_trial($1, $2, $3::interval) AS "event"]]),

  -- $1 how long before the end they are warned, as '7d'.
  provider_trials = query.read("subscribers.provider_trials", trials_of "Provider"),
  -- $1 the same.
  organization_trials = query.read("subscribers.organization_trials", trials_of "Organization"),

  -- $1 provider, $2 most rows, $3 the last row of the page before, or null.
  provider_history = query.read("subscribers.provider_history", history_of "Provider"),
  -- $1 organization, $2 and $3 the same.
  organization_history = query.read("subscribers.organization_history", history_of "Organization"),
}
