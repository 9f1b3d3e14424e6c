-- Gives the slots of the 30-minute service ids that count up by time, then by provider.
UPDATE "CalculatedAvailabilitySlot" s SET "id" = bench_id('slot', numbered.n)
  FROM (SELECT "id", row_number() OVER (ORDER BY "startTime", "providerId") AS n
          FROM "CalculatedAvailabilitySlot" WHERE "serviceId" = bench_id('serv', 2)) numbered
 WHERE s."id" = numbered."id";
VACUUM (FULL, ANALYZE) "CalculatedAvailabilitySlot";
VACUUM ANALYZE;
