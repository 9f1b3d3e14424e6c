-- Users. Only by_email hands out the password hash, to be compared with what was typed.
local query = require "mb.query"

return {
  -- Who signs in with this address. $1 e-mail in any case.
  by_email = query.read("users.by_email", [[
SELECT "id", "password", "role" FROM "User" WHERE lower("email") = lower($1)]]),

  -- What a user sees of themselves. $1 user.
  profile = query.read("users.profile", [[
SELECT u."id", u."name", u."email", u."emailVerified", u."phone", u."phoneVerified", u."whatsapp",
       u."whatsappVerified", u."image", u."role", p."id" AS "providerId", u."createdAt", u."updatedAt"
  FROM "User" u
  LEFT JOIN "Provider" p ON p."userId" = u."id"
 WHERE u."id" = $1]]),
}
