-- What providers of each kind offer: minutes and rand.
INSERT INTO "Service" ("providerTypeId", "slug", "name", "description", "displayPriority", "defaultDuration",
                       "defaultPrice")
SELECT t."id", s.slug, s.name, s.description, s.place, s.minutes, s.price
  FROM (VALUES
    (1, 'general-practitioner', 'general-gp-consult', 'General GP Consult', 15, 600,
     'A new complaint, a result, a referral'),
    (2, 'general-practitioner', 'chronic-disease-management', 'Chronic Disease Management', 30, 950,
     'Diabetes, blood pressure, asthma, thyroid'),
    (3, 'general-practitioner', 'preventive-health-screening', 'Preventive Health Screening', 30, 950,
     'Check-up with blood pressure, glucose and cholesterol'),
    (4, 'general-practitioner', 'prescription-refill', 'Prescription Refill', 5, 300,
     'Repeat of a known prescription'),
    (5, 'psychologist', 'general-psychology-consult', 'General Psychology Consult', 15, 600,
     'A first talk to see what would help'),
    (6, 'psychologist', 'individual-therapy', 'Individual Therapy', 50, 1200, 'One session of talking therapy'),
    (7, 'psychologist', 'psychological-assessment', 'Psychological Assessment', 90, 2000,
     'Interview and tests, with a written report'),
    (8, 'dentist', 'general-dental-consult', 'General Dental Consult', 15, 600, 'Examination and plan'),
    (9, 'dentist', 'teeth-cleaning', 'Teeth Cleaning', 30, 800, 'Scaling and polishing'),
    (10, 'dentist', 'dental-x-ray', 'Dental X-Ray', 15, 400, 'Bitewing or panoramic'),
    (11, 'speech-therapist', 'general-speech-consult', 'General Speech Consult', 15, 600,
     'A first look at speech or swallowing'),
    (12, 'speech-therapist', 'speech-therapy-session', 'Speech Therapy Session', 45, 900,
     'One session for a child or an adult'),
    (13, 'physiotherapist', 'general-physiotherapy-consult', 'General Physiotherapy Consult', 15, 600,
     'Assessment of an injury or pain'),
    (14, 'physiotherapist', 'physiotherapy-treatment', 'Physiotherapy Treatment', 30, 750,
     'Hands-on treatment and exercises'),
    (15, 'occupational-therapist', 'general-occupational-therapy-consult', 'General Occupational Therapy Consult', 15,
     600, 'A first look at everyday difficulties'),
    (16, 'occupational-therapist', 'occupational-therapy-session', 'Occupational Therapy Session', 45, 900,
     'One session for a child or an adult'),
    (17, 'dietitian', 'general-dietetic-consult', 'General Dietetic Consult', 15, 600,
     'A first look at eating and goals'),
    (18, 'dietitian', 'nutrition-counselling', 'Nutrition Counselling', 30, 800, 'Plan and follow-up')
  ) AS s (place, type, slug, name, minutes, price, description)
  JOIN "ProviderType" t ON t."slug" = s.type
ON CONFLICT ("providerTypeId", "slug") DO NOTHING;
