-- Users.
local query = require "mb.query"

return {
  -- What a user sees of themselves. $1 user.
  profile = query.read("users.profile", [[
SELECT u."id", u."name", u."email", u."emailVerified", u."phone", u."phoneVerified", u."whatsapp",
       u."whatsappVerified", u."image", u."role", p."id" AS "providerId", u."version", u."createdAt",
       u."updatedAt"
  FROM "User" u
  LEFT JOIN "Provider" p ON p."userId" = u."id"
 WHERE u."id" = $1]]),
}
