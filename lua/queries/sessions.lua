-- Sessions, by the SHA-256 of their token.
local query = require "mb.query"

return {
  -- $1 user, $2 hash of the token, $3 how long it lasts, as '12h'.
  create = query.write("sessions.create", [[
INSERT INTO "Session" ("userId", "tokenHash", "createdAt", "expiresAt")
SELECT $1, $2, t.at, t.at + $3::interval FROM (SELECT mb_now() AS at) t
RETURNING "id", "expiresAt"]]),

  -- Whose token it is; no row when it is unknown or has expired. $1 hash of the token.
  find = query.read("sessions.find", [[
SELECT s."id", s."userId", u."role", s."expiresAt"
  FROM "Session" s
  JOIN "User" u ON u."id" = s."userId"
 WHERE s."tokenHash" = $1 AND s."expiresAt" > mb_now()]]),

  -- $1 hash of the token.
  delete = query.write("sessions.delete", [[DELETE FROM "Session" WHERE "tokenHash" = $1]]),
}
