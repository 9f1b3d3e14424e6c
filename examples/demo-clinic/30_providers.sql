-- Forty providers who can be booked (1 to 40) and five who cannot (41 to 45). Languages as in the
-- enum; hours names a week of 40_week.sql; rule is the grid of their slots.
CREATE TEMPORARY TABLE demo_provider (
    n integer PRIMARY KEY, name text, types integer[], location integer, languages text[], status text,
    hours text, rule text, bio text
) ON COMMIT DROP;
INSERT INTO demo_provider VALUES
    (1, 'Dr Naledi Mokoena', '{1}', 1, '{English,Sesotho,IsiZulu}', 'ACTIVE', 'full', 'CONTINUOUS',
     'Family doctor with a soft spot for chronic care; twelve years in Rosebank.'),
    (2, 'Dr Sipho Dlamini', '{1}', 1, '{English,IsiZulu}', 'ACTIVE', 'early', 'ON_THE_HALF_HOUR',
     'Sports injuries, travel health and the ordinary winter flu.'),
    (3, 'Dr Anika van der Merwe', '{1,7}', 1, '{English,Afrikaans}', 'ACTIVE', 'part', 'CONTINUOUS',
     'Doctor and dietitian; sees diabetes as something to be eaten and walked away from.'),
    (4, 'Dr Themba Nkosi', '{1}', 2, '{English,IsiZulu,Sesotho}', 'ACTIVE', 'full', 'CONTINUOUS',
     'Born in Orlando, back in Orlando. Children, mothers, grandmothers.'),
    (5, 'Dr Refilwe Molefe', '{1}', 2, '{English,Setswana,Sepedi}', 'TRIAL', 'late', 'ON_THE_HALF_HOUR',
     'Evening hours for people who cannot leave work.'),
    (6, 'Dr Imraan Cassim', '{3}', 1, '{English,Afrikaans}', 'ACTIVE', 'full', 'ON_THE_HALF_HOUR',
     'Gentle dentistry for those who have put it off for years.'),
    (7, 'Dr Lerato Phiri', '{3}', 2, '{English,Sesotho,IsiXhosa}', 'ACTIVE', 'tuesdays', 'CONTINUOUS',
     'Children''s teeth, and the parents'' too.'),
    (8, 'Bongani Mthembu', '{5}', 1, '{English,IsiZulu}', 'ACTIVE', 'early', 'ON_THE_HOUR',
     'Runners'' knees and desk workers'' backs.'),
    (9, 'Karabo Seabi', '{5}', 2, '{English,Sepedi,Setswana}', 'TRIAL', 'full', 'ON_THE_HALF_HOUR',
     'Rehabilitation after stroke and surgery, at the clinic''s small gym.'),
    (10, 'Zanele Maseko', '{7}', 1, '{English,IsiZulu,SiSwati}', 'ACTIVE', 'mixed', 'CONTINUOUS',
     'Plans that fit a township kitchen and a township budget.'),
    (11, 'Dr Willem Botha', '{1}', 3, '{English,Afrikaans,German}', 'ACTIVE', 'full', 'CONTINUOUS',
     'General practice in the City Bowl; German-speaking visitors welcome.'),
    (12, 'Dr Nadia Petersen', '{1}', 3, '{English,Afrikaans}', 'ACTIVE', 'mixed', 'ON_THE_HALF_HOUR',
     'Women''s health; Wednesday afternoons online.'),
    (13, 'Dr Luvuyo Mbeki-Jonas', '{1}', 4, '{English,IsiXhosa}', 'ACTIVE', 'early', 'CONTINUOUS',
     'Blood pressure, blood sugar, and time to explain both.'),
    (14, 'Dr Michelle Adams', '{1}', 4, '{English,Afrikaans,French}', 'TRIAL', 'part', 'ON_THE_HOUR',
     'Paediatric interest, patient with patients under five.'),
    (15, 'Dr Riaan Louw', '{3}', 3, '{English,Afrikaans}', 'ACTIVE', 'full', 'CONTINUOUS',
     'Crowns, bridges and honest second opinions.'),
    (16, 'Dr Aqeelah Isaacs', '{3}', 4, '{English,Afrikaans}', 'ACTIVE', 'late', 'ON_THE_HALF_HOUR',
     'Late chair until seven, four days a week.'),
    (17, 'Megan Fourie', '{5}', 3, '{English,Afrikaans}', 'ACTIVE', 'early', 'ON_THE_HALF_HOUR',
     'Shoulders, surfers, and surfers'' shoulders.'),
    (18, 'Ayabonga Ntshinga', '{5}', 4, '{English,IsiXhosa}', 'ACTIVE', 'tuesdays', 'ON_THE_HOUR',
     'Saturday mornings for weekend warriors.'),
    (19, 'Claire Bezuidenhout', '{7}', 3, '{English,Afrikaans,French}', 'ACTIVE', 'mixed', 'ON_THE_HALF_HOUR',
     'Food allergies and coeliac disease.'),
    (20, 'Chen Wei-Ling', '{5,6}', 4, '{English,Mandarin}', 'TRIAL', 'part', 'ON_THE_HOUR',
     'Hands: from a broken wrist back to the piano.'),
    (21, 'Dr Thandeka Cele', '{1}', 5, '{English,IsiZulu}', 'ACTIVE', 'full', 'CONTINUOUS',
     'Family medicine on Florida Road since 2011.'),
    (22, 'Dr Kavitha Naidoo', '{1}', 5, '{English,Hindi}', 'ACTIVE', 'early', 'ON_THE_HALF_HOUR',
     'Diabetes clinic on weekday mornings.'),
    (23, 'Dr Musa Gumede', '{1}', 6, '{English,IsiZulu}', 'ACTIVE', 'late', 'CONTINUOUS',
     'Sees commuters before and after the N2.'),
    (24, 'Dr Sarah Govender', '{1,7}', 6, '{English,Hindi}', 'TRIAL', 'mixed', 'ON_THE_HALF_HOUR',
     'Heart health, from the plate to the prescription.'),
    (25, 'Dr Jo-Anne Reddy', '{3}', 5, '{English}', 'ACTIVE', 'full', 'ON_THE_HALF_HOUR',
     'A calm chair with a view of the trees.'),
    (26, 'Dr Njabulo Zondi', '{3}', 6, '{English,IsiZulu}', 'ACTIVE', 'tuesdays', 'CONTINUOUS',
     'Emergency gaps kept free every morning.'),
    (27, 'Shalini Maharaj', '{5}', 5, '{English,Hindi}', 'ACTIVE', 'early', 'ON_THE_HALF_HOUR',
     'Necks, migraines and posture.'),
    (28, 'Mandla Ngcobo', '{5}', 6, '{English,IsiZulu}', 'ACTIVE', 'full', 'ON_THE_HOUR',
     'Team physiotherapist during the season, yours on weekdays.'),
    (29, 'Ines Carvalho', '{7}', 5, '{English,Portuguese}', 'ACTIVE', 'mixed', 'CONTINUOUS',
     'Nutrition in pregnancy and the first thousand days.'),
    (30, 'Nosipho Hadebe', '{6}', 6, '{English,IsiZulu,IsiNdebele}', 'TRIAL', 'part', 'ON_THE_HOUR',
     'Sensory integration for children.'),
    (31, 'Dr Kagiso Motaung', '{2}', 7, '{English,Setswana,Sesotho}', 'ACTIVE', 'full', 'ON_THE_HOUR',
     'Clinical psychologist: anxiety, burnout, grief.'),
    (32, 'Dr Elsabe Kruger', '{2}', 7, '{English,Afrikaans}', 'ACTIVE', 'mixed', 'CONTINUOUS',
     'Assessment of learning difficulties, with reports schools accept.'),
    (33, 'Dr Vusi Mahlangu', '{2}', 7, '{English,IsiNdebele,IsiZulu}', 'TRIAL', 'evening', 'ON_THE_HOUR',
     'Online only, after working hours.'),
    (34, 'Rudzani Netshifhefhe', '{4}', 7, '{English,Tshivenda,Xitsonga}', 'ACTIVE', 'part', 'ON_THE_HOUR',
     'Late talkers and early readers.'),
    (35, 'Dr Leila Abrahams', '{2}', 8, '{English,Afrikaans}', 'ACTIVE', 'full', 'CONTINUOUS',
     'Couples and families.'),
    (36, 'Dr Tim O''Connell', '{2}', 8, '{English,French}', 'ACTIVE', 'evening', 'CONTINUOUS',
     'Online therapy for shift workers and people abroad.'),
    (37, 'Sibongile Mdluli', '{4}', 8, '{English,SiSwati,IsiXhosa}', 'ACTIVE', 'mixed', 'ON_THE_HOUR',
     'Stammering, voice, and swallowing after stroke.'),
    (38, 'Gerhard Engelbrecht', '{6}', 8, '{English,Afrikaans,German}', 'ACTIVE', 'early', 'ON_THE_HOUR',
     'Back to work after injury.'),
    (39, 'Dr Nonhlanhla Buthelezi', '{2}', 9, '{English,IsiZulu}', 'ACTIVE', 'late', 'ON_THE_HOUR',
     'Trauma and post-natal depression.'),
    (40, 'Roshni Pather', '{4,6}', 9, '{English,Hindi}', 'ACTIVE', 'full', 'ON_THE_HOUR',
     'Autism and development, two professions in one room.'),
    (41, 'Dr Gavin Erasmus', '{1}', 1, '{English,Afrikaans}', 'SUSPENDED', 'full', 'CONTINUOUS',
     'General practice.'),
    (42, 'Dr Palesa Moloi', '{3}', 3, '{English,Sesotho}', 'PENDING_APPROVAL', 'full', 'CONTINUOUS',
     'Dentist, new on the platform.'),
    (43, 'Dr Haroon Essop', '{2}', 9, '{English}', 'TRIAL_EXPIRED', 'late', 'ON_THE_HOUR',
     'Psychologist; the trial is over.'),
    (44, 'Tumelo Leshaba', '{5}', 10, '{English,Sepedi}', 'APPROVED', 'part', 'ON_THE_HALF_HOUR',
     'Physiotherapist, approved and about to begin the trial.'),
    (45, 'Dr Zodwa Majola', '{2}', 9, '{English,IsiZulu}', 'REJECTED', 'late', 'ON_THE_HOUR',
     'Psychologist, once the register has her.');

-- naledi.mokoena@demo.example
INSERT INTO "User" ("id", "name", "email", "emailVerified", "whatsapp")
SELECT pg_temp.demo_id('user', 1000 + n), name,
       regexp_replace(lower(regexp_replace(replace(name, 'Dr ', ''), '[^A-Za-z -]', '', 'g')), ' +', '.', 'g')
           || '@demo.example',
       mb_now(), '+27605550' || lpad(n::text, 3, '0')
FROM demo_provider
ON CONFLICT DO NOTHING;

INSERT INTO demo_login
SELECT pg_temp.demo_id('user', 1000 + n), 'Sunbird-2026' FROM demo_provider;

CREATE TEMPORARY TABLE demo_made ("id" text PRIMARY KEY, n integer, status text, now timestamptz(3)) ON COMMIT DROP;
INSERT INTO demo_made
SELECT pg_temp.demo_id('prov', n), n, status, at.now FROM demo_provider, (SELECT mb_now() AS now) AS at
WHERE NOT EXISTS (SELECT FROM "Provider" WHERE "id" = pg_temp.demo_id('prov', n));

INSERT INTO "Provider" ("id", "name", "userId", "bio", "image", "languages", "email", "whatsapp", "showPrice",
                        "status", "statusSince", "suspendedFrom", "approvedById", "approvedAt", "rejectedAt",
                        "rejectionReason", "trialStarted", "trialEnded", "trialStatus")
SELECT demo_made."id", demo_provider.name, account."id", bio,
       'https://images.demo.example/providers/' || n || '.jpg', languages::"Languages"[], account."email",
       account."whatsapp", n % 8 <> 7, demo_made.status::"ProviderStatus",
       now - CASE demo_made.status WHEN 'PENDING_APPROVAL' THEN interval '3 days' ELSE '0' END,
       CASE demo_made.status WHEN 'SUSPENDED' THEN 'ACTIVE' END::"ProviderStatus",
       CASE WHEN demo_made.status NOT IN ('PENDING_APPROVAL', 'REJECTED') THEN pg_temp.demo_id('user', 1) END,
       CASE demo_made.status WHEN 'PENDING_APPROVAL' THEN NULL WHEN 'REJECTED' THEN NULL
            WHEN 'TRIAL_EXPIRED' THEN now - interval '40 days' ELSE now END,
       CASE demo_made.status WHEN 'REJECTED' THEN now END,
       CASE demo_made.status WHEN 'REJECTED' THEN 'The council''s register has another name under this number.' END,
       trial.started, trial.started + trial.length, trial.status::"TrialStatus"
FROM demo_made JOIN demo_provider USING (n)
JOIN "User" AS account ON account."id" = pg_temp.demo_id('user', 1000 + n)
CROSS JOIN LATERAL (
    SELECT CASE WHEN demo_made.status = 'TRIAL_EXPIRED' THEN now - interval '40 days'
                WHEN demo_made.status IN ('TRIAL', 'ACTIVE', 'SUSPENDED') THEN now END AS started,
           CASE WHEN demo_made.status IN ('TRIAL', 'TRIAL_EXPIRED') THEN interval '30 days' ELSE '0' END AS length,
           CASE demo_made.status WHEN 'TRIAL' THEN 'ACTIVE' WHEN 'TRIAL_EXPIRED' THEN 'EXPIRED'
                WHEN 'ACTIVE' THEN 'CONVERTED' WHEN 'SUSPENDED' THEN 'CONVERTED' ELSE 'NOT_STARTED' END AS status
) AS trial
ON CONFLICT DO NOTHING;

-- How they came to be what they are.
INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus", "userId", "reason",
                             "createdAt")
SELECT 'Provider', "Provider"."id", step.action, step.was, step.became,
       CASE step.action WHEN 'start_trial' THEN "userId" WHEN 'expire_trial' THEN NULL
            ELSE pg_temp.demo_id('user', 1) END,
       CASE step.action WHEN 'reject' THEN "rejectionReason"
            WHEN 'suspend' THEN 'A complaint is being looked into.' END,
       CASE step.action WHEN 'approve' THEN "approvedAt" WHEN 'start_trial' THEN "trialStarted"
            WHEN 'expire_trial' THEN "trialEnded" ELSE now END
FROM demo_made JOIN "Provider" USING ("id")
JOIN (VALUES
    (1, '{REJECTED}'::text[], 'reject', 'PENDING_APPROVAL', 'REJECTED'),
    (1, '{APPROVED,TRIAL,TRIAL_EXPIRED,ACTIVE,SUSPENDED}', 'approve', 'PENDING_APPROVAL', 'APPROVED'),
    (2, '{TRIAL,TRIAL_EXPIRED,ACTIVE,SUSPENDED}', 'start_trial', 'APPROVED', 'TRIAL'),
    (3, '{TRIAL_EXPIRED}', 'expire_trial', 'TRIAL', 'TRIAL_EXPIRED'),
    (3, '{ACTIVE,SUSPENDED}', 'activate', 'TRIAL', 'ACTIVE'),
    (4, '{SUSPENDED}', 'suspend', 'ACTIVE', 'SUSPENDED')
) AS step (place, statuses, action, was, became) ON demo_made.status = ANY (step.statuses)
ORDER BY demo_made.n, step.place;

INSERT INTO "ProviderTypeAssignment" ("id", "providerId", "providerTypeId")
SELECT pg_temp.demo_id('assi', demo_provider.n * 10 + type), pg_temp.demo_id('prov', demo_provider.n), demo_type.id
FROM demo_provider, unnest(types) AS type JOIN demo_type ON demo_type.n = type
ON CONFLICT DO NOTHING;

INSERT INTO "OrganizationProviderConnection" ("id", "organizationId", "providerId", "status", "acceptedAt")
SELECT pg_temp.demo_id('conn', demo_provider.n), pg_temp.demo_id('orga', organization),
       pg_temp.demo_id('prov', demo_provider.n), 'ACCEPTED', mb_now()
FROM demo_provider JOIN demo_location ON demo_location.n = location
ON CONFLICT DO NOTHING;

-- Every provider offers what the type offers; refills are left to every second doctor.
CREATE TEMPORARY TABLE demo_offer ON COMMIT DROP AS
SELECT demo_provider.n AS provider, demo_service.n AS service, demo_service."id" AS "serviceId", location,
       hours, minutes, price + 50 * (demo_provider.n % 4) AS price
FROM demo_provider JOIN demo_service ON demo_service.type = ANY (types)
WHERE slug <> 'prescription-refill' OR demo_provider.n % 2 = 0;

INSERT INTO "_ProviderToService" ("A", "B")
SELECT pg_temp.demo_id('prov', provider), "serviceId" FROM demo_offer
ON CONFLICT DO NOTHING;

-- At the house, and where the week has online hours also without a house. Doctors in the house can
-- be seen on the screen too.
INSERT INTO "ServiceAvailabilityConfig" ("id", "serviceId", "providerId", "locationId", "duration", "price",
                                         "isOnlineAvailable", "isInPerson", "isStanding")
SELECT pg_temp.demo_id('conf', provider * 1000 + service * 10), "serviceId",
       pg_temp.demo_id('prov', provider), pg_temp.demo_id('loca', location), minutes, price,
       service <= 2, true, true
FROM demo_offer WHERE hours <> 'evening'
UNION ALL
SELECT pg_temp.demo_id('conf', provider * 1000 + service * 10 + 1), "serviceId",
       pg_temp.demo_id('prov', provider), NULL, minutes, price, true, false, true
FROM demo_offer WHERE hours IN ('mixed', 'evening')
ON CONFLICT DO NOTHING;
