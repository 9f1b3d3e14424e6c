-- Sessions, by the SHA-256 of their token, and who calls by one or by a key.
local query = require "mb.query"

-- What rules judge a user u by: their provider and, as JSON or null, the memberships that are active with their limits
-- (null = none).
local CALLER <const> = [[
u."role", (SELECT p."id" FROM "Provider" p WHERE p."userId" = u."id") AS "providerId",
       (SELECT json_agg(json_build_object(
                   'organizationId', m."organizationId", 'role', m."role", 'permissions', m."permissions",
                   'locations', (SELECT json_agg(l."locationId") FROM "MembershipLocation" l
                                  WHERE l."membershipId" = m."id"),
                   'providers', (SELECT json_agg(l."providerId") FROM "MembershipProvider" l
                                  WHERE l."membershipId" = m."id")))
          FROM "OrganizationMembership" m
         WHERE m."userId" = u."id" AND m."status" = 'ACTIVE') AS "memberships"]]

return {
  -- Whose token it is, and all that rules judge by. No row when it is unknown or has expired. $1 hash of the token.
  find = query.read("sessions.find", [[
SELECT s."id", s."userId", s."lastSeenAt" < mb_now() - interval '5 min' AS "isStale", ]] .. CALLER .. [[

  FROM "Session" s
  JOIN "User" u ON u."id" = s."userId"
 WHERE s."tokenHash" = $1 AND s."expiresAt" > mb_now()]]),

  -- The same of a program's key, with what it may. No row while its owner is locked either. $1 hash of the key.
  find_key = query.read("sessions.find_key", [[
SELECT k."id", k."userId", coalesce(k."lastUsedAt" < mb_now() - interval '5 min', true) AS "isStale",
       array_to_string(k."permissions", ' ') AS "permissions", ]] .. CALLER .. [[

  FROM "ApiKey" k
  JOIN "User" u ON u."id" = k."userId"
 WHERE k."tokenHash" = $1 AND (k."expiresAt" IS NULL OR k."expiresAt" > mb_now())
   AND (u."accountLockedUntil" IS NULL OR u."accountLockedUntil" <= mb_now())]]),

  -- It is used: it lasts on, and never shorter than it did. Once for all who find it stale at a time. $1 session,
  -- $2 how long it lasts without use, as '12h', $3 how long in all.
  touch = query.write("sessions.touch", [[
UPDATE "Session"
   SET "lastSeenAt" = mb_now(),
       "expiresAt" = greatest("expiresAt", least(mb_now() + $2::interval, "createdAt" + $3::interval))
 WHERE "id" = $1 AND "lastSeenAt" < mb_now() - interval '5 min']]),

  -- Those of a user that have not ended, the newest first. $1 user, $2 the session that asks, $3 most rows, $4 the one
  -- after which they begin, or null.
  of_user = query.read("sessions.of_user", [[
SELECT "id", "createdAt", "lastSeenAt", "expiresAt", "ipAddress", "userAgent", "id" = $2 AS "isCurrent"
  FROM "Session"
 WHERE "userId" = $1 AND "expiresAt" > mb_now() AND ($4::text IS NULL OR "id" < $4)
 ORDER BY "id" DESC
 LIMIT $3::integer]]),

  -- One of them that has not ended. $1 user, $2 the session that asks, $3 session.
  get = query.read("sessions.get", [[
SELECT "id", "createdAt", "lastSeenAt", "expiresAt", "ipAddress", "userAgent", "id" = $2 AS "isCurrent"
  FROM "Session"
 WHERE "id" = $3 AND "userId" = $1 AND "expiresAt" > mb_now()]]),

  -- Some of one's own go, with an audit row. $1 request of mb_revoke_sessions.
  revoke = query.write("sessions.revoke", [[SELECT mb_revoke_sessions($1::jsonb) AS "revoked"]]),

  -- $1 hash of the token.
  delete = query.write("sessions.delete", [[DELETE FROM "Session" WHERE "tokenHash" = $1]]),
}
