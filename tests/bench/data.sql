-- The clinic of the bench: 100 providers, 3 services each, a working day of 8 hours on each of the
-- next 60 days. Slots are not in here: slotload.c cuts and stores them. Ids count up, so that
-- wrk, pgbench and this file can name the same rows.

CREATE FUNCTION bench_id(kind text, n bigint) RETURNS text IMMUTABLE LANGUAGE sql
  AS $$ SELECT 'c' || kind || lpad(n::text, 24 - length(kind), '0') $$;

INSERT INTO "ProviderType" ("id", "name") VALUES (bench_id('type', 1), 'General Practitioner');

INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
VALUES (bench_id('serv', 1), 'Follow-up', 20, 350, bench_id('type', 1)),
       (bench_id('serv', 2), 'Consultation', 30, 550, bench_id('type', 1)),
       (bench_id('serv', 3), 'Full examination', 60, 950, bench_id('type', 1));

INSERT INTO "User" ("id", "name", "email")
SELECT bench_id('user', n), 'Provider ' || n, 'provider' || n || '@example.org'
  FROM generate_series(1, 100) n;

INSERT INTO "Provider" ("id", "name", "userId", "bio", "image", "languages", "email", "whatsapp", "status",
                        "compliantUntil")
SELECT bench_id('prov', n), 'Dr Bench ' || n, bench_id('user', n),
       'Family doctor with fifteen years of practice; sees adults and children.',
       'https://images.example.org/' || n || '.jpg', '{English}',
       'provider' || n || '@example.org', '+2782' || lpad(n::text, 7, '0'), 'ACTIVE',
       'infinity'
  FROM generate_series(1, 100) n;

INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId")
SELECT "id", bench_id('type', 1) FROM "Provider";

INSERT INTO "_ProviderToService" ("A", "B")
SELECT p."id", s."id" FROM "Provider" p, "Service" s;

INSERT INTO "ServiceAvailabilityConfig"
       ("id", "serviceId", "providerId", "duration", "price", "isOnlineAvailable", "isInPerson", "isStanding")
SELECT bench_id('conf', p * 3 + s - 3), bench_id('serv', s), bench_id('prov', p),
       v."defaultDuration", v."defaultPrice", false, true, true
  FROM generate_series(1, 100) p, generate_series(1, 3) s
  JOIN "Service" v ON v."id" = bench_id('serv', s);

INSERT INTO "Availability"
       ("id", "providerId", "startTime", "endTime", "createdById", "status", "acceptedAt", "requiresConfirmation")
SELECT bench_id('avai', p * 60 + d - 60), bench_id('prov', p), day + interval '6 hours',
       day + interval '14 hours', bench_id('user', p), 'ACCEPTED', now(), false
  FROM generate_series(1, 100) p, generate_series(1, 60) d,
       LATERAL (SELECT date_trunc('day', now(), 'UTC') + d * interval '1 day' AS day) at;

INSERT INTO "_AvailabilityToServiceAvailabilityConfig" ("A", "B")
SELECT a."id", c."id" FROM "Availability" a JOIN "ServiceAvailabilityConfig" c USING ("providerId");

ANALYZE;
