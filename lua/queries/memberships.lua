-- Members of organizations, and what they are to a row of it.
local query = require "mb.query"

return {
  -- What a user is to the parties of a row; always one row. Suspended members have no role. Limits:
  -- none named = all. $1 user, $2 organization, $3 provider, $4 location, each of the last three or null.
  standing = query.read("memberships.standing", [[
SELECT EXISTS (SELECT FROM "Provider" p WHERE p."id" = $3 AND p."userId" = $1) AS "isProvider",
       m."role", array_to_string(m."permissions", ' ') AS "permissions",
       NOT EXISTS (SELECT FROM "MembershipLocation" l WHERE l."membershipId" = m."id")
         OR EXISTS (SELECT FROM "MembershipLocation" l WHERE l."membershipId" = m."id" AND l."locationId" = $4)
         AS "inLocations",
       NOT EXISTS (SELECT FROM "MembershipProvider" l WHERE l."membershipId" = m."id")
         OR EXISTS (SELECT FROM "MembershipProvider" l WHERE l."membershipId" = m."id" AND l."providerId" = $3)
         AS "inProviders"
  FROM (VALUES (1)) one
  LEFT JOIN "OrganizationMembership" m
    ON m."organizationId" = $2 AND m."userId" = $1 AND m."status" = 'ACTIVE']]),
  -- Whether a user is a provider, or an active member of an organization; always one row. $1 user.
  works = query.read("memberships.works", [[
SELECT EXISTS (SELECT FROM "Provider" p WHERE p."userId" = $1)
       OR EXISTS (SELECT FROM "OrganizationMembership" m WHERE m."userId" = $1 AND m."status" = 'ACTIVE') AS "works"]]),
}
