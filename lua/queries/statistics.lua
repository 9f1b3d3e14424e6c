-- How much there is of everything, for whoever administers the platform.
local query = require "mb.query"

-- How many rows of a table have each status there is, as one object.
local function by_status(name)
  return ([[(SELECT json_object_agg(e.status, (SELECT count(*) FROM "%s" t WHERE t."status" = e.status))
            FROM unnest(enum_range(NULL::"%sStatus")) e(status))]]):format(name, name)
end

-- How many wait, and how long in seconds the first one has.
local function waiting(name, status, since)
  return ([[(SELECT json_build_object('count', count(*),
                                   'oldestAge', floor(extract(epoch FROM d.now - min(t."%s")))::bigint)
            FROM "%s" t WHERE t."status" = '%s')]]):format(since, name, status)
end

return {
  -- Each count by an index; days and weeks, from Monday on, in a zone; bookings are those that begin then and are not
  -- cancelled. body: JSON. $1 time zone.
  all = query.read("statistics.all", ([[
WITH here AS (
    SELECT mb_now() AS now, date_trunc('day', mb_now() AT TIME ZONE $1) AS day,
           date_trunc('week', mb_now() AT TIME ZONE $1) AS week
), d AS MATERIALIZED (
    SELECT h.now, h.day AT TIME ZONE $1 AS "dayStart", (h.day + interval '1 day') AT TIME ZONE $1 AS "dayEnd",
           h.week AT TIME ZONE $1 AS "weekStart", (h.week + interval '7 days') AT TIME ZONE $1 AS "weekEnd"
      FROM here h
)
SELECT json_build_object(
         'at', mb_instant(d.now),
         'providers', %s,
         'organizations', %s,
         'waiting', json_build_object('providers', %s, 'submissions', %s),
         'bookings', (
            SELECT json_build_object('today', coalesce(sum(n.today), 0), 'week', coalesce(sum(n.week), 0))
              FROM "Provider" p
             CROSS JOIN LATERAL (
                 SELECT count(*) FILTER (WHERE b."startTime" >= d."dayStart" AND b."startTime" < d."dayEnd") AS today,
                        count(*) AS week
                   FROM "Booking" b
                  WHERE b."providerId" = p."id" AND b."status" <> 'CANCELLED'
                    AND b."startTime" >= d."weekStart" AND b."startTime" < d."weekEnd") n),
         'users', (
            SELECT json_build_object('total', (SELECT count(*) FROM "User"),
                                     'today', count(*) FILTER (WHERE u."createdAt" >= d."dayStart"),
                                     'week', count(*))
              FROM "User" u WHERE u."createdAt" >= d."weekStart"))::text AS "body"
  FROM d]]):format(by_status "Provider", by_status "Organization",
    waiting("Provider", "PENDING_APPROVAL", "statusSince"),
    waiting("RequirementSubmission", "PENDING", "submittedAt"))),
}
