-- The queue of jobs, its schedules and its reading of the outbox. Each is one statement, so that what it
-- takes, moves and adds is one transaction.
local query = require "mb.query"

return {
  -- Adds a job, unless a living one of its kind has that key: then no row. $1 kind, $2 key or null,
  -- $3 payload, $4 when, or null for now, $5 how much later than that, as '10 min', $6 most attempts.
  enqueue = query.write("jobs.enqueue", [[
INSERT INTO "Job" ("kind", "key", "payload", "runAt", "maxAttempts")
VALUES ($1, $2, $3::jsonb, coalesce($4::timestamptz, mb_now()) + $5::interval, $6::integer)
ON CONFLICT ("kind", "key") WHERE "status" IN ('PENDING', 'RUNNING') DO NOTHING
RETURNING "id"]]),

  -- Takes what is due, oldest first: what waits, and what was taken by a process that let the lease
  -- end. One whose last attempt that was is DEAD, and returned too. $1 new owner of the leases, $2 kinds,
  -- $3 their leases in milliseconds, $4 most rows.
  take = query.write("jobs.take", [[
WITH due AS (
    SELECT j."id", k."lease"
      FROM "Job" j
      JOIN unnest($2::text[], $3::float8[]) AS k("kind", "lease") ON k."kind" = j."kind"
     WHERE j."status" IN ('PENDING', 'RUNNING') AND coalesce(j."leaseUntil", j."runAt") <= (SELECT mb_now())
     ORDER BY coalesce(j."leaseUntil", j."runAt")
     LIMIT $4::integer
       FOR UPDATE OF j SKIP LOCKED
)
UPDATE "Job" j
   SET ("status", "attempts", "leaseOwner", "leaseUntil", "lastError", "finishedAt") = (
       SELECT CASE WHEN d."lives" THEN 'RUNNING' ELSE 'DEAD' END::"JobStatus",
              j."attempts" + CASE WHEN d."lives" THEN 1 ELSE 0 END, CASE WHEN d."lives" THEN $1 END,
              CASE WHEN d."lives" THEN mb_now() + due."lease" * interval '1 ms' END,
              CASE WHEN j."status" = 'RUNNING' THEN 'its lease ended: the process that ran it is gone, or stood still'
                   ELSE j."lastError" END,
              CASE WHEN NOT d."lives" THEN mb_now() END
         FROM (SELECT j."attempts" < j."maxAttempts" AS "lives") d)
  FROM due
 WHERE j."id" = due."id"
RETURNING j."id", j."kind", j."key", j."payload"::text AS "payload", j."status", j."attempts", j."maxAttempts"]]),

  -- A run ended well. No row: another process has the lease. $1 job, $2 owner of the lease.
  done = query.write("jobs.done", [[
UPDATE "Job"
   SET "status" = 'DONE', "leaseOwner" = NULL, "leaseUntil" = NULL, "lastError" = NULL, "finishedAt" = mb_now()
 WHERE "id" = $1 AND "leaseOwner" = $2
RETURNING "status"]]),

  -- A run failed: it is to be repeated, or DEAD after the last attempt. No row: another process has the
  -- lease. $1 job, $2 owner of the lease, $3 why, $4 the pause in milliseconds, $5 whether it is not repeated.
  fail = query.write("jobs.fail", [[
UPDATE "Job"
   SET "status" = CASE WHEN "attempts" < "maxAttempts" AND NOT $5::boolean THEN 'PENDING' ELSE 'DEAD'
                  END::"JobStatus",
       "runAt" = mb_now() + $4::float8 * interval '1 ms', "leaseOwner" = NULL, "leaseUntil" = NULL,
       "lastError" = $3, "finishedAt" = CASE WHEN "attempts" >= "maxAttempts" OR $5::boolean THEN mb_now() END
 WHERE "id" = $1 AND "leaseOwner" = $2
RETURNING "status"]]),

  -- A run was stopped and does not count. $1 job, $2 owner of the lease.
  give_back = query.write("jobs.give_back", [[
UPDATE "Job"
   SET "status" = 'PENDING', "attempts" = "attempts" - 1, "leaseOwner" = NULL, "leaseUntil" = NULL
 WHERE "id" = $1 AND "leaseOwner" = $2
RETURNING "status"]]),

  -- Adds the jobs that a schedule wants now, once over all machines, and none while the last lives. Times
  -- lie on a grid, so they do not drift; those that passed while nobody was there count once. $1 kinds,
  -- $2 periods in milliseconds, $3 where in the period since 1970, in milliseconds, $4 most attempts.
  schedule = query.write("jobs.schedule", [[
WITH clock AS MATERIALIZED (
    SELECT date_trunc('milliseconds', mb_now()) AS "at"
), declared AS (
    SELECT d."kind", d."attempts", clock."at",
           to_timestamp(((floor((extract(epoch FROM clock."at") * 1000 - d."phase"::numeric) / d."period"::numeric) + 1)
                         * d."period"::numeric + d."phase"::numeric)::float8 / 1000) AS "next"
      FROM clock, unnest($1::text[], $2::bigint[], $3::bigint[], $4::integer[])
                  AS d("kind", "period", "phase", "attempts")
), made AS (
    INSERT INTO "JobSchedule" ("kind", "nextRunAt")
    SELECT d."kind", d."next" FROM declared d
     WHERE NOT EXISTS (SELECT FROM "JobSchedule" s WHERE s."kind" = d."kind")
    ON CONFLICT DO NOTHING
), moved AS (
    UPDATE "JobSchedule" s
       SET "nextRunAt" = d."next",
           "lastRunAt" = CASE WHEN s."nextRunAt" <= d."at" THEN d."at" ELSE s."lastRunAt" END
      FROM declared d
     WHERE s."kind" = d."kind" AND (s."nextRunAt" <= d."at" OR s."nextRunAt" > d."next")
    RETURNING s."kind", d."attempts", s."lastRunAt" = d."at" AS "isDue"
)
INSERT INTO "Job" ("kind", "key", "maxAttempts")
SELECT m."kind", 'schedule', m."attempts" FROM moved m WHERE m."isDue"
ON CONFLICT ("kind", "key") WHERE "status" IN ('PENDING', 'RUNNING') DO NOTHING]]),

  -- A cursor at the present end of the outbox for each subscriber that has none. $1 subscribers.
  subscribe = query.write("jobs.subscribe", [[
INSERT INTO "OutboxCursor" ("subscriber", "transactionId", "outboxId")
SELECT n, pg_snapshot_xmin(pg_current_snapshot()), 0
  FROM unnest($1::text[]) n
 WHERE NOT EXISTS (SELECT FROM "OutboxCursor" c WHERE c."subscriber" = n)
ON CONFLICT DO NOTHING]]),

  -- Makes jobs of the next events for a subscriber, and moves its cursor past them. Only transactions
  -- below the horizon are read: an older one that is still open may yet add a smaller id. Whoever finds
  -- the cursor locked leaves it to the other. $1 subscriber, $2 types of events, $3 most attempts,
  -- $4 most events. "read" tells how many were passed.
  pump = query.write("jobs.pump", [[
WITH here AS (
    SELECT c."transactionId", c."outboxId"
      FROM "OutboxCursor" c
     WHERE c."subscriber" = $1
       AND EXISTS (SELECT FROM "Outbox" o
                    WHERE (o."transactionId", o."id") > (c."transactionId", c."outboxId")
                      AND o."transactionId" < pg_snapshot_xmin(pg_current_snapshot()))
       FOR UPDATE SKIP LOCKED
), events AS MATERIALIZED (
    SELECT o.*
      FROM here, LATERAL (
           SELECT x.* FROM "Outbox" x
            WHERE (x."transactionId", x."id") > (here."transactionId", here."outboxId")
              AND x."transactionId" < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY x."transactionId", x."id" LIMIT $4::integer) o
), queued AS (
    INSERT INTO "Job" ("kind", "key", "payload", "maxAttempts")
    SELECT $1, 'event ' || e."id", jsonb_build_object(
               'id', e."id", 'type', e."type", 'resource', e."resource", 'resourceId', e."resourceId",
               'payload', e."payload", 'createdAt', mb_instant(e."createdAt")), $3::integer
      FROM events e
     WHERE e."type" = ANY ($2::text[])
    ON CONFLICT ("kind", "key") WHERE "status" IN ('PENDING', 'RUNNING') DO NOTHING
), moved AS (
    UPDATE "OutboxCursor" c
       SET "transactionId" = l."transactionId", "outboxId" = l."id"
      FROM (SELECT e."transactionId", e."id" FROM events e
             ORDER BY e."transactionId" DESC, e."id" DESC LIMIT 1) l
     WHERE c."subscriber" = $1
)
SELECT count(*)::integer AS "read" FROM events]]),

  -- How many jobs are due and not taken, 10000 at most, and for how many milliseconds the first is.
  waiting = query.read("jobs.waiting", [[
SELECT count(*)::integer AS "jobs",
       coalesce(greatest(0, extract(epoch FROM mb_now() - min(d."due")) * 1000), 0)::bigint AS "oldest"
  FROM (SELECT coalesce("leaseUntil", "runAt") AS "due" FROM "Job"
         WHERE "status" IN ('PENDING', 'RUNNING') AND coalesce("leaseUntil", "runAt") <= (SELECT mb_now())
         ORDER BY 1 LIMIT 10000) d]]),
}
