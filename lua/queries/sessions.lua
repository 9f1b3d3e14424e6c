-- Sessions, by the SHA-256 of their token.
local query = require "mb.query"

return {
  -- $1 user, $2 hash of the token, $3 how long it lasts, as '12h'.
  create = query.write("sessions.create", [[
INSERT INTO "Session" ("userId", "tokenHash", "createdAt", "expiresAt")
SELECT $1, $2, t.at, t.at + $3::interval FROM (SELECT mb_now() AS at) t
RETURNING "id", "expiresAt"]]),

  -- Whose token it is, and all that rules judge by: the user's provider and, as JSON or null, the memberships that are
  -- active with their limits (null = none). No row when it is unknown or has expired. $1 hash of the token.
  find = query.read("sessions.find", [[
SELECT s."id", s."userId", u."role", s."expiresAt", p."id" AS "providerId",
       (SELECT json_agg(json_build_object(
                   'organizationId', m."organizationId", 'role', m."role", 'permissions', m."permissions",
                   'locations', (SELECT json_agg(l."locationId") FROM "MembershipLocation" l
                                  WHERE l."membershipId" = m."id"),
                   'providers', (SELECT json_agg(l."providerId") FROM "MembershipProvider" l
                                  WHERE l."membershipId" = m."id")))
          FROM "OrganizationMembership" m
         WHERE m."userId" = u."id" AND m."status" = 'ACTIVE') AS "memberships"
  FROM "Session" s
  JOIN "User" u ON u."id" = s."userId"
  LEFT JOIN "Provider" p ON p."userId" = u."id"
 WHERE s."tokenHash" = $1 AND s."expiresAt" > mb_now()]]),

  -- $1 hash of the token.
  delete = query.write("sessions.delete", [[DELETE FROM "Session" WHERE "tokenHash" = $1]]),
}
