-- What has had its time, a bounded number of rows at once: "removed" tells how many.
local query = require "mb.query"

return {
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
