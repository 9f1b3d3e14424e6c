-- Keys by which programs act for a user, by the SHA-256 of the key.
local query = require "mb.query"

return {
  -- With its audit row. $1 request of mb_create_api_key.
  create = query.write("api_keys.create", [[
SELECT "id", "createdAt", "expiresAt" FROM mb_create_api_key($1::jsonb)]]),

  -- Those of a user, the newest first. $1 user, $2 most rows, $3 the one after which they begin, or null.
  of_user = query.read("api_keys.of_user", [[
SELECT "id", "name", "prefix", "permissions", "createdAt", "lastUsedAt", "expiresAt"
  FROM "ApiKey"
 WHERE "userId" = $1 AND ($3::text IS NULL OR "id" < $3)
 ORDER BY "id" DESC
 LIMIT $2::integer]]),

  -- One of them goes, with its audit row: whether it was there. $1 request of mb_revoke_api_key.
  revoke = query.write("api_keys.revoke", [[SELECT mb_revoke_api_key($1::jsonb) AS "isRevoked"]]),

  -- It is used. Once for all who find that noted long ago. $1 key.
  touch = query.write("api_keys.touch", [[
UPDATE "ApiKey" SET "lastUsedAt" = mb_now()
 WHERE "id" = $1 AND ("lastUsedAt" IS NULL OR "lastUsedAt" < mb_now() - interval '5 min')]]),
}
