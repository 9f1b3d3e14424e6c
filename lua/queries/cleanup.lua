-- What has had its time, a bounded number of rows at once: "removed" tells how many.
local query = require "mb.query"

return {
  -- Files whose sender has left, and their pieces. $1 most rows, $2 how long nothing has come.
  files = query.write("cleanup.files", [[
WITH gone AS (
    DELETE FROM "ProviderFile" WHERE "id" IN (
        SELECT "id" FROM "ProviderFile" WHERE "completedAt" IS NULL AND "touchedAt" <= (SELECT mb_now() - $2::interval)
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Answers that no repetition gets any more. $1 most rows.
  idempotency_keys = query.write("cleanup.idempotency_keys", [[
WITH gone AS (
    DELETE FROM "IdempotencyKey" WHERE ctid IN (
        SELECT ctid FROM "IdempotencyKey" WHERE "createdAt" <= (SELECT mb_now() - interval '24 hours')
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Sessions that have expired. $1 most rows.
  sessions = query.write("cleanup.sessions", [[
WITH gone AS (
    DELETE FROM "Session" WHERE "id" IN (
        SELECT "id" FROM "Session" WHERE "expiresAt" <= (SELECT mb_now())
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Accounts whose address nobody has verified. $1 most rows, $2 how long they wait, as '7d'.
  pending_accounts = query.write("cleanup.pending_accounts", [[
SELECT mb_drop_pending($1::integer, $2::interval) AS "removed"]]),

  -- Links of mails that verify an address, and that have not worked for long. $1 most rows, $2 how long they are kept.
  verification_links = query.write("cleanup.verification_links", [[
WITH gone AS (
    DELETE FROM "EmailVerificationToken" WHERE "id" IN (
        SELECT "id" FROM "EmailVerificationToken" WHERE "expires" <= (SELECT mb_now() - $2::interval)
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- The same of links to a new password. $1 most rows, $2 how long they are kept.
  reset_links = query.write("cleanup.reset_links", [[
WITH gone AS (
    DELETE FROM "PasswordResetToken" WHERE "id" IN (
        SELECT "id" FROM "PasswordResetToken" WHERE "expires" <= (SELECT mb_now() - $2::interval)
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Codes of sign-ins that nobody has fetched the session of. $1 most rows.
  sign_in_codes = query.write("cleanup.sign_in_codes", [[
WITH gone AS (
    DELETE FROM "SignInCode" WHERE "codeHash" IN (
        SELECT "codeHash" FROM "SignInCode" WHERE "expiresAt" <= (SELECT mb_now())
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Attempts to sign in of long ago. $1 most rows, $2 how long they are kept.
  login_attempts = query.write("cleanup.login_attempts", [[
WITH gone AS (
    DELETE FROM "LoginAttempt" WHERE "id" IN (
        SELECT "id" FROM "LoginAttempt" WHERE "createdAt" <= (SELECT mb_now() - $2::interval)
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Codes of numbers that have expired. $1 most rows.
  contact_codes = query.write("cleanup.contact_codes", [[
WITH gone AS (
    DELETE FROM "ContactCode" WHERE "id" IN (
        SELECT "id" FROM "ContactCode" WHERE "expires" <= (SELECT mb_now())
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- How many of them were sent, a day later. $1 most rows.
  contact_code_counts = query.write("cleanup.contact_code_counts", [[
WITH gone AS (
    DELETE FROM "ContactCodeCount" WHERE "key" IN (
        SELECT "key" FROM "ContactCodeCount" WHERE "until" <= (SELECT mb_now())
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Values of plugins whose time is over. $1 most rows.
  plugin_state = query.write("cleanup.plugin_state", [[
WITH gone AS (
    DELETE FROM "PluginState" WHERE ctid IN (
        SELECT ctid FROM "PluginState" WHERE "expiresAt" <= (SELECT mb_now())
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Jobs that ended long ago. $1 most rows, $2 how long they are kept, as '7d'.
  jobs = query.write("cleanup.jobs", [[
WITH gone AS (
    DELETE FROM "Job" WHERE "id" IN (
        SELECT "id" FROM "Job" WHERE "finishedAt" <= (SELECT mb_now() - $2::interval)
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),

  -- Events that every subscriber has got, and that are old. $1 most rows, $2 how long they are kept,
  -- $3 subscribers; one without a cursor has got nothing.
  events = query.write("cleanup.events", [[
WITH gone AS (
    DELETE FROM "Outbox" WHERE "id" IN (
        SELECT o."id" FROM "Outbox" o
         WHERE o."createdAt" <= (SELECT mb_now() - $2::interval)
           AND NOT EXISTS (
               SELECT FROM unnest($3::text[]) n
                 LEFT JOIN "OutboxCursor" c ON c."subscriber" = n
                WHERE c."subscriber" IS NULL
                   OR (o."transactionId", o."id") > (c."transactionId", c."outboxId"))
         ORDER BY o."transactionId", o."id"
         LIMIT $1::integer FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*)::integer AS "removed" FROM gone]]),
}
