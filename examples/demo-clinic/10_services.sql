-- What kinds of providers there are, and what they do: minutes and rand.
INSERT INTO "ProviderType" ("id", "name", "description")
SELECT pg_temp.demo_id('type', n), name, description
FROM (VALUES
    (1, 'General Practitioner', 'First port of call for adults and children'),
    (2, 'Psychologist', 'Assessment and talking therapy'),
    (3, 'Dentist', 'Teeth and gums'),
    (4, 'Speech Therapist', 'Speech, language and swallowing'),
    (5, 'Physiotherapist', 'Movement, pain and recovery after injury'),
    (6, 'Occupational Therapist', 'Everyday activities at home, school and work'),
    (7, 'Dietitian', 'Food, weight and metabolic conditions')
) AS type (n, name, description)
ON CONFLICT DO NOTHING;

-- A type of that name may have been there before, under another id.
CREATE TEMPORARY TABLE demo_type ON COMMIT DROP AS
SELECT n, "ProviderType"."id"
FROM (VALUES
    (1, 'General Practitioner'), (2, 'Psychologist'), (3, 'Dentist'), (4, 'Speech Therapist'),
    (5, 'Physiotherapist'), (6, 'Occupational Therapist'), (7, 'Dietitian')
) AS type (n, name)
JOIN "ProviderType" USING (name);

CREATE TEMPORARY TABLE demo_service (
    n integer PRIMARY KEY, type integer, name text, minutes integer, price numeric, description text
) ON COMMIT DROP;
INSERT INTO demo_service VALUES
    (1, 1, 'General GP Consult', 15, 600, 'A new complaint, a result, a referral'),
    (2, 1, 'Chronic Disease Management', 30, 950, 'Diabetes, blood pressure, asthma, thyroid'),
    (3, 1, 'Preventive Health Screening', 30, 950, 'Check-up with blood pressure, glucose and cholesterol'),
    (4, 1, 'Prescription Refill', 5, 300, 'Repeat of a known prescription'),
    (5, 2, 'General Psychology Consult', 15, 600, 'A first talk to see what would help'),
    (6, 2, 'Individual Therapy', 50, 1200, 'One session of talking therapy'),
    (7, 2, 'Psychological Assessment', 90, 2000, 'Interview and tests, with a written report'),
    (8, 3, 'General Dental Consult', 15, 600, 'Examination and plan'),
    (9, 3, 'Teeth Cleaning', 30, 800, 'Scaling and polishing'),
    (10, 3, 'Dental X-Ray', 15, 400, 'Bitewing or panoramic'),
    (11, 4, 'General Speech Consult', 15, 600, 'A first look at speech or swallowing'),
    (12, 4, 'Speech Therapy Session', 45, 900, 'One session for a child or an adult'),
    (13, 5, 'General Physiotherapy Consult', 15, 600, 'Assessment of an injury or pain'),
    (14, 5, 'Physiotherapy Treatment', 30, 750, 'Hands-on treatment and exercises'),
    (15, 6, 'General Occupational Therapy Consult', 15, 600, 'A first look at everyday difficulties'),
    (16, 6, 'Occupational Therapy Session', 45, 900, 'One session for a child or an adult'),
    (17, 7, 'General Dietetic Consult', 15, 600, 'A first look at eating and goals'),
    (18, 7, 'Nutrition Counselling', 30, 800, 'Plan and follow-up');

INSERT INTO "Service" ("id", "name", "description", "displayPriority", "defaultDuration", "defaultPrice",
                       "providerTypeId")
SELECT pg_temp.demo_id('serv', service.n), name, description, service.n, minutes, price, demo_type.id
FROM demo_service AS service JOIN demo_type ON demo_type.n = service.type
ON CONFLICT DO NOTHING;
