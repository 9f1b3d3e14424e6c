-- Thirty days from today of the hours above, for those who may be booked. An availability has an id
-- made of provider, day and part of the day: what is there is left alone. demo_cut is what the loader
-- then cuts into slots.
CREATE TEMPORARY TABLE demo_new ("id" text PRIMARY KEY) ON COMMIT DROP;

-- As every writer of a timeline.
SELECT 1 FROM "ProviderAgenda"
WHERE "providerId" IN (SELECT pg_temp.demo_id('prov', n) FROM demo_provider)
ORDER BY "providerId" FOR NO KEY UPDATE;

WITH windows AS (
    SELECT demo_provider.*, provider."id" AS "providerId", provider."userId", part, online,
           to_char(day, 'YYYYMMDD') AS date,
           (day + opens) AT TIME ZONE provider."timeZone" AS "startTime",
           (day + closes) AT TIME ZONE provider."timeZone" AS "endTime"
    FROM demo_provider
    JOIN "Provider" AS provider ON provider."id" = pg_temp.demo_id('prov', n)
    JOIN demo_hours USING (hours)
    CROSS JOIN generate_series(0, 29) AS ahead
    CROSS JOIN LATERAL (SELECT (mb_now() AT TIME ZONE provider."timeZone")::date + ahead AS day) AS calendar
    WHERE provider."status" IN ('ACTIVE', 'TRIAL') AND extract(dow FROM day) = ANY (weekdays)
), made AS (
    INSERT INTO "Availability" ("id", "providerId", "startTime", "endTime", "organizationId", "locationId",
                                "createdById", "status", "acceptedById", "acceptedAt", "requiresConfirmation",
                                "isOnlineAvailable", "schedulingRule")
    SELECT 'cdemotime' || lpad(windows.n::text, 7, '0') || date || part, "providerId", "startTime", "endTime",
           CASE WHEN NOT online THEN pg_temp.demo_id('orga', organization) END,
           CASE WHEN NOT online THEN pg_temp.demo_id('loca', location) END,
           "userId", 'ACCEPTED', "userId", mb_now(), windows.n % 10 = 0, online OR types && '{1,2}',
           rule::"SchedulingRule"
    FROM windows JOIN demo_location ON demo_location.n = location
    ON CONFLICT DO NOTHING
    RETURNING "id"
)
INSERT INTO demo_new SELECT "id" FROM made;

INSERT INTO "_AvailabilityToServiceAvailabilityConfig" ("A", "B")
SELECT availability."id", config."id"
FROM demo_new JOIN "Availability" AS availability USING ("id")
JOIN "ServiceAvailabilityConfig" AS config
    ON config."providerId" = availability."providerId"
    AND config."locationId" IS NOT DISTINCT FROM availability."locationId";

UPDATE "ProviderAgenda" SET "version" = "version" + 1
WHERE "providerId" IN (SELECT "providerId" FROM demo_new JOIN "Availability" USING ("id"));

CREATE TEMPORARY TABLE demo_cut ON COMMIT DROP AS
SELECT availability."id" AS "availabilityId", config."serviceId", config."id" AS "serviceConfigId",
       availability."providerId", availability."locationId",
       (extract(epoch FROM availability."startTime") * 1000)::bigint AS "startMs",
       (extract(epoch FROM availability."endTime") * 1000)::bigint AS "endMs",
       availability."schedulingRule", config."duration", (config."price" * 100)::bigint AS "cents",
       config."isOnlineAvailable" AND availability."isOnlineAvailable" AS "isOnlineAvailable",
       config."isInPerson", provider."timeZone"
FROM demo_new JOIN "Availability" AS availability USING ("id")
JOIN "_AvailabilityToServiceAvailabilityConfig" AS offered ON offered."A" = availability."id"
JOIN "ServiceAvailabilityConfig" AS config ON config."id" = offered."B"
JOIN "Provider" AS provider ON provider."id" = availability."providerId"
ORDER BY availability."providerId", availability."startTime", config."id";
