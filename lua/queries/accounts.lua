-- Accounts: signing in, links in mails, passwords. Functions of migrations/R__accounts.sql take one jsonb, which says
-- what the step is about and who asks how.
local query = require "mb.query"

return {
  -- Who signs in with this address. $1 e-mail in any case.
  by_email = query.read("accounts.by_email", [[
SELECT "id", "password" FROM "User" WHERE lower("email") = lower($1)]]),

  -- What the link of a mail stands for, whatever became of it. $1 SHA-256 of its token.
  verification = query.read("accounts.verification", [[
SELECT t."id", t."usedAt" IS NOT NULL AS "isUsed", t."expires" > mb_now() AS "isFresh", u."id" AS "userId", u."email",
       u."password"
  FROM "EmailVerificationToken" t
  JOIN "User" u ON u."id" = t."userId"
 WHERE t."token" = $1]]),

  -- The same of a link to a new password. $1 SHA-256 of its token.
  reset = query.read("accounts.reset", [[
SELECT t."usedAt" IS NOT NULL AS "isUsed", t."expires" > mb_now() AS "isFresh", u."email", u."name"
  FROM "PasswordResetToken" t
  JOIN "User" u ON u."id" = t."userId"
 WHERE t."token" = $1]]),

  -- $1 request.
  register = query.write("accounts.register", [[SELECT outcome, account FROM mb_register($1::jsonb)]]),

  -- $1 request.
  link_again = query.write("accounts.link_again", [[SELECT mb_link_again($1::jsonb) AS account]]),

  -- $1 request.
  verify_email = query.write("accounts.verify_email", [[
SELECT outcome, account, link FROM mb_verify_email($1::jsonb)]]),

  -- $1 request.
  forgot_password = query.write("accounts.forgot_password", [[SELECT mb_forgot_password($1::jsonb) AS account]]),

  -- $1 request.
  reset_password = query.write("accounts.reset_password", [[
SELECT outcome, account FROM mb_reset_password($1::jsonb)]]),

  -- $1 request.
  sign_in = query.write("accounts.sign_in", [[SELECT outcome, "expiresAt" FROM mb_sign_in($1::jsonb)]]),

  -- The same password, hashed anew. $1 user, $2 hash that it takes the place of, $3 new hash.
  renew = query.write("accounts.renew", [[UPDATE "User" SET "password" = $3 WHERE "id" = $1 AND "password" = $2]]),

  -- An attempt to sign in that failed. $1 user or null, $2 address as it was typed, kept in small letters, $3 client
  -- address, $4 agent, $5 why.
  failed = query.write("accounts.failed", [[
INSERT INTO "LoginAttempt" ("userId", "email", "ipAddress", "userAgent", "failureReason", "createdAt")
VALUES ($1, lower($2), $3, $4, $5, mb_now())]]),

  -- What proves that it is the account's owner who asks: its password, or that they have just signed in. $1 user,
  -- $2 session.
  own = query.read("accounts.own", [[
SELECT u."id", u."email", u."name", u."password", s."createdAt" > mb_now() - interval '10 min' AS "isRecent"
  FROM "User" u
  JOIN "Session" s ON s."id" = $2 AND s."userId" = u."id"
 WHERE u."id" = $1]]),

  -- $1 request.
  change = query.write("accounts.change", [[SELECT mb_change_account($1::jsonb) AS "isChanged"]]),

  -- $1 request.
  change_password = query.write("accounts.change_password", [[SELECT mb_change_password($1::jsonb) AS "isChanged"]]),

  -- $1 request.
  change_email = query.write("accounts.change_email", [[SELECT outcome, holder FROM mb_change_email($1::jsonb)]]),

  -- $1 request.
  delete = query.write("accounts.delete", [[
SELECT outcome, holders::text AS "holders" FROM mb_delete_account($1::jsonb)]]),

  -- $1 request.
  administer = query.write("accounts.administer", [[SELECT mb_administer($1::jsonb) AS outcome]]),

  -- $1 request.
  ask_for_code = query.write("accounts.ask_for_code", [[SELECT "wait" FROM mb_ask_for_code($1::jsonb)]]),

  -- $1 request.
  try_code = query.write("accounts.try_code", [[SELECT outcome, "wait" FROM mb_try_code($1::jsonb)]]),

  -- The code that a number of an account waits for, also one that has expired. $1 user, $2 kind.
  code = query.read("accounts.code", [[SELECT "id" FROM "ContactCode" WHERE "userId" = $1 AND "kind" = $2]]),

  -- What is to be sent; no row when it would be of no use any more. $1 code.
  open_code = query.read("accounts.open_code", [[
SELECT "id", "kind", "number" FROM "ContactCode" WHERE "id" = $1 AND "expires" > mb_now()]]),

  -- ---- what mails say: no name to an address that nobody has proved to be theirs, as a stranger may have written it

  -- The link that verifies an account's address, or its new one; no row when none waits. $1 user, $2 whether it
  -- changes the address.
  open_verification = query.read("accounts.open_verification", [[
SELECT t."id", t."identifier" AS "email"
  FROM "EmailVerificationToken" t
 WHERE t."userId" = $1 AND t."isChange" = $2::boolean AND t."usedAt" IS NULL AND t."expires" > mb_now()
 ORDER BY t."createdAt" DESC, t."id" DESC
 LIMIT 1]]),

  -- The link that sets a new password; no row when none waits. $1 user.
  open_reset = query.read("accounts.open_reset", [[
SELECT t."id", u."email", CASE WHEN u."emailVerified" IS NOT NULL THEN u."name" END AS "name"
  FROM "PasswordResetToken" t
  JOIN "User" u ON u."id" = t."userId"
 WHERE t."userId" = $1 AND t."usedAt" IS NULL AND t."expires" > mb_now()
 ORDER BY t."createdAt" DESC, t."id" DESC
 LIMIT 1]]),

  -- The address that an account has given up for another. $1 link of the change.
  given_up = query.read("accounts.given_up", [[
SELECT t."previousEmail" AS "email", t."identifier" AS "newEmail", u."name"
  FROM "EmailVerificationToken" t
  JOIN "User" u ON u."id" = t."userId"
 WHERE t."id" = $1 AND t."previousEmail" IS NOT NULL]]),

  -- Whom to write to; no row when there is no such account any more. $1 user.
  address = query.read("accounts.address", [[
SELECT "email", CASE WHEN "emailVerified" IS NOT NULL THEN "name" END AS "name"
  FROM "User"
 WHERE "id" = $1 AND "email" IS NOT NULL]]),
}
