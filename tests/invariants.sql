-- Whatever happened, these hold: one row (invariant, id, detail) for each violation, none when all is
-- sound. One statement, so one snapshot: it may run while the server works.
WITH live AS (
    SELECT * FROM "Booking" WHERE "status" <> 'CANCELLED'
), expected AS (
    SELECT d.* FROM "Provider" p CROSS JOIN LATERAL mb_slot_status(p."id", '-infinity', 'infinity') d
), events AS (
    SELECT "resourceId" AS "id", count(*) AS n FROM "Outbox" WHERE "resource" = 'Booking' GROUP BY 1
), audited AS (
    SELECT "resourceId" AS "id", count(*) AS n FROM "AuditLog" WHERE "resource" = 'Booking' GROUP BY 1
)
SELECT 'I1 one live booking per slot' AS "invariant", "slotId" AS "id", count(*) || ' bookings' AS "detail"
  FROM live GROUP BY "slotId" HAVING count(*) > 1
UNION ALL
SELECT 'I2 live bookings of a provider do not overlap', a."id", 'overlaps ' || b."id"
  FROM live a
  JOIN live b ON b."providerId" = a."providerId" AND b."id" > a."id"
             AND b."startTime" < a."endTime" AND b."endTime" > a."startTime"
UNION ALL
SELECT 'live bookings of a provider keep the larger of their buffers free', a."id", 'too close to ' || b."id"
  FROM live a
  JOIN live b ON b."providerId" = a."providerId" AND b."startTime" >= a."endTime"
             AND b."startTime" < a."endTime" + interval '240 min' -- no buffer is wider
             AND b."startTime" - a."endTime" < interval '1 min' * CASE WHEN a."bufferAfter" > b."bufferBefore"
                                                                       THEN a."bufferAfter" ELSE b."bufferBefore" END
UNION ALL
SELECT 'an agenda knows how far buffers reach', g."providerId", format('%s, not %s minutes', g."reach", c.reach)
  FROM "ProviderAgenda" g
  JOIN (SELECT "providerId", max(greatest("bufferBefore", "bufferAfter")) AS reach
          FROM "ServiceAvailabilityConfig" GROUP BY 1) c ON c."providerId" = g."providerId"
 WHERE g."reach" < c.reach
UNION ALL
SELECT 'I3 a kept answer speaks of a booking as it was made', k."resourceId", 'key ' || k."key"
  FROM "IdempotencyKey" k
  LEFT JOIN "Booking" b ON b."id" = k."resourceId"
 WHERE k."route" = 'POST /v1/bookings'
   AND (b."id" IS NULL OR k."body"::jsonb ->> 'id' <> b."id"
        OR k."body"::jsonb ->> 'reference' <> b."reference" OR k."body"::jsonb ->> 'providerId' <> b."providerId"
        OR (k."body"::jsonb ->> 'startTime')::timestamptz <> b."startTime")
UNION ALL
SELECT 'I4 a booking has one answer at most', k."resourceId", count(*) || ' answers'
  FROM "IdempotencyKey" k WHERE k."route" = 'POST /v1/bookings' GROUP BY k."resourceId" HAVING count(*) > 1
UNION ALL
SELECT 'I5 a slot is BOOKED exactly when a live booking holds it', s."id", s."status"::text
  FROM "CalculatedAvailabilitySlot" s
  LEFT JOIN live b ON b."slotId" = s."id"
 WHERE (s."status" = 'BOOKED') <> (b."id" IS NOT NULL)
UNION ALL
SELECT 'slot status is derived', s."id",
       format('is %s (%s), should be %s (%s)', s."status", s."blockedByEventId", e."status", e."blockedByEventId")
  FROM "CalculatedAvailabilitySlot" s
  LEFT JOIN expected e ON e."id" = s."id"
 WHERE s."status"::text IS DISTINCT FROM e."status" OR s."blockedByEventId" IS DISTINCT FROM e."blockedByEventId"
UNION ALL
SELECT 'a booking''s snapshot is its slot', b."id", 'slot ' || s."id"
  FROM live b
  JOIN "CalculatedAvailabilitySlot" s ON s."id" = b."slotId"
 WHERE (b."providerId", b."serviceId", b."serviceConfigId", b."startTime", b."endTime", b."price")
       IS DISTINCT FROM
       (s."providerId", s."serviceId", s."serviceConfigId", s."startTime", s."endTime", s."price")
    OR b."locationId" IS DISTINCT FROM s."locationId"
    OR NOT CASE WHEN b."isOnline" THEN s."isOnlineAvailable" ELSE s."isInPerson" END
UNION ALL
SELECT 'the history of a booking leads to its status', b."id",
       format('%s, %s, now %s', h."fromStatus", h."toStatus", b."status")
  FROM "Booking" b
  JOIN (SELECT "resourceId", "fromStatus", "toStatus",
               lead("fromStatus") OVER (PARTITION BY "resourceId" ORDER BY "id") AS "next"
          FROM "StatusHistory" WHERE "resource" = 'Booking') h ON h."resourceId" = b."id"
 WHERE h."toStatus" <> coalesce(h."next", b."status"::text)
UNION ALL
SELECT 'a booking belongs to the organization that offered it', b."id", b."organizationId"
  FROM live b
  JOIN "CalculatedAvailabilitySlot" s ON s."id" = b."slotId"
  JOIN "Availability" a ON a."id" = s."availabilityId"
 WHERE b."organizationId" IS DISTINCT FROM a."organizationId"
UNION ALL
SELECT 'a slot''s copies are its availability''s and config''s', s."id", 'availability ' || a."id"
  FROM "CalculatedAvailabilitySlot" s
  JOIN "Availability" a ON a."id" = s."availabilityId"
 WHERE s."locationId" IS DISTINCT FROM a."locationId"
    OR s."startTime" < a."startTime" - interval '1 min' OR s."endTime" > a."endTime"
UNION ALL
SELECT 'a booking holds its slot until it is cancelled', b."id", b."status"::text
  FROM "Booking" b
 WHERE (b."status" = 'CANCELLED') <> (b."slotId" IS NULL)
UNION ALL
SELECT 'every provider has an agenda', p."id", NULL
  FROM "Provider" p LEFT JOIN "ProviderAgenda" g ON g."providerId" = p."id"
 WHERE g."providerId" IS NULL
UNION ALL
SELECT 'an agenda counts every change', g."providerId", format('version %s, %s changes', g."version", c.changes)
  FROM "ProviderAgenda" g
  JOIN (SELECT "providerId", sum("version") AS changes FROM "Booking" GROUP BY "providerId") c
    ON c."providerId" = g."providerId"
 WHERE g."version" <= c.changes
UNION ALL
-- Each version of a booking came from one change, which left one audit row and one event.
SELECT 'I7 one audit row per change', coalesce(b."id", l."id"), format('version %s, %s rows', b."version", l.n)
  FROM "Booking" b FULL JOIN audited l ON l."id" = b."id"
 WHERE b."version" IS DISTINCT FROM l.n
UNION ALL
SELECT 'I8 one event per change', coalesce(b."id", e."id"), format('version %s, %s events', b."version", e.n)
  FROM "Booking" b FULL JOIN events e ON e."id" = b."id"
 WHERE b."version" IS DISTINCT FROM e.n
   AND coalesce(b."createdAt" > now() - interval '30 days', true) -- outbox.keep
UNION ALL
-- As far as rows tell what is asked; scripts may ask more. Null may be until a job has worked it out.
SELECT 'a provider complies as long as its answers do', p."id", format('until %s, not %s', p."compliantUntil", c.ends)
  FROM "Provider" p
 CROSS JOIN LATERAL (
      SELECT nullif(coalesce(min(greatest(CASE WHEN s."approvedAt" IS NULL THEN '-infinity'
                                               ELSE coalesce(s."expiresAt", 'infinity') END,
                                          CASE WHEN coalesce(p."approvedAt", p."createdAt") < r."requiredSince"
                                               THEN r."effectiveFrom" END)), 'infinity'), '-infinity') AS ends
        FROM "ProviderTypeAssignment" a
        JOIN "RequirementType" r ON r."providerTypeId" = a."providerTypeId" AND r."isRequired" AND r."isActive"
        LEFT JOIN "RequirementSubmission" s ON s."requirementTypeId" = r."id" AND s."providerId" = p."id"
       WHERE a."providerId" = p."id") c
 WHERE p."status" NOT IN ('PENDING_APPROVAL', 'REJECTED', 'CANCELLED') AND p."compliantUntil" <> coalesce(c.ends, '-infinity')
UNION ALL
SELECT 'what is approved is the copy that counts', s."id", format('approved at %s', s."approvedAt")
  FROM "RequirementSubmission" s
 WHERE s."status" = 'APPROVED'
   AND (s."approvedAt" IS NULL OR s."approvedMetadata" IS DISTINCT FROM s."documentMetadata")
UNION ALL
SELECT 'the history of a provider leads to its status', p."id",
       format('%s, %s, now %s', h."fromStatus", h."toStatus", p."status")
  FROM "Provider" p
  JOIN (SELECT "resourceId", "fromStatus", "toStatus",
               lead("fromStatus") OVER (PARTITION BY "resourceId" ORDER BY "id") AS "next"
          FROM "StatusHistory" WHERE "resource" = 'Provider') h ON h."resourceId" = p."id"
 WHERE h."toStatus" <> coalesce(h."next", p."status"::text)
UNION ALL
SELECT 'a file that an answer names is there, and whole', s."id", x.file
  FROM "RequirementSubmission" s
 CROSS JOIN LATERAL (VALUES (s."documentMetadata" ->> 'fileId'), (s."approvedMetadata" ->> 'fileId')) x (file)
  LEFT JOIN "ProviderFile" f ON f."id" = x.file AND f."providerId" = s."providerId" AND f."completedAt" IS NOT NULL
 WHERE x.file IS NOT NULL
   AND f."size" IS DISTINCT FROM (SELECT sum(octet_length(b."bytes")) FROM "ProviderFilePiece" b WHERE b."fileId" = x.file)
UNION ALL
SELECT 'a file that is whole belongs to an answer, or is an image', f."id", f."providerId"
  FROM "ProviderFile" f
 WHERE f."completedAt" IS NOT NULL
   AND NOT EXISTS (SELECT FROM "RequirementSubmission" s
                    WHERE s."providerId" = f."providerId"
                      AND f."id" IN (s."documentMetadata" ->> 'fileId', s."approvedMetadata" ->> 'fileId'))
   AND NOT EXISTS (SELECT FROM "Provider" p WHERE p."imageFileId" = f."id")
UNION ALL
SELECT 'a file that is whole is what its digest says', f."id", format('%s of %s bytes', c.size, f."size")
  FROM "ProviderFile" f
 CROSS JOIN LATERAL (
      SELECT coalesce(sum(octet_length(b."bytes")), 0) AS size,
             encode(sha256(coalesce(string_agg(b."bytes", '' ORDER BY b."number"), '')), 'hex') AS digest
        FROM "ProviderFilePiece" b WHERE b."fileId" = f."id") c
 WHERE f."completedAt" IS NOT NULL AND (f."size" <> c.size OR f."sha256" <> c.digest)
ORDER BY 1, 2;
