-- Signing in through another service. Functions of migrations/R__oidc.sql take one jsonb, as those of accounts do.
local query = require "mb.query"

return {
  -- Who came back from the provider, until it is exchanged. $1 SHA-256 of the code, $2 provider, $3 their id there,
  -- $4 e-mail, $5 name or null, $6 the account that it is to be linked to or null, $7 how long the code works.
  keep = query.write("oidc.keep", [[
INSERT INTO "SignInCode" ("codeHash", "provider", "providerAccountId", "email", "name", "userId", "createdAt",
                          "expiresAt")
VALUES ($1, $2, $3, $4, $5, $6, mb_now(), mb_now() + $7::interval)]]),

  -- $1 request.
  exchange = query.write("oidc.exchange", [[SELECT outcome, account, "expiresAt" FROM mb_exchange_code($1::jsonb)]]),

  -- The services that a user signs in through, the newest first. $1 user, $2 most rows, $3 the one after which they
  -- begin, or null.
  of_user = query.read("oidc.of_user", [[
SELECT "id", "provider", "type"
  FROM "Account"
 WHERE "userId" = $1 AND ($3::text IS NULL OR "id" < $3)
 ORDER BY "id" DESC
 LIMIT $2::integer]]),

  -- $1 request.
  unlink = query.write("oidc.unlink", [[SELECT mb_unlink_account($1::jsonb) AS outcome]]),
}
