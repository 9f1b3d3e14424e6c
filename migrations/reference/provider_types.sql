-- The kinds of providers that there are from the beginning.
INSERT INTO "ProviderType" ("slug", "name", "description")
VALUES ('general-practitioner', 'General Practitioner', 'First port of call for adults and children'),
       ('psychologist', 'Psychologist', 'Assessment and talking therapy'),
       ('dentist', 'Dentist', 'Teeth and gums'),
       ('speech-therapist', 'Speech Therapist', 'Speech, language and swallowing'),
       ('physiotherapist', 'Physiotherapist', 'Movement, pain and recovery after injury'),
       ('occupational-therapist', 'Occupational Therapist', 'Everyday activities at home, school and work'),
       ('dietitian', 'Dietitian', 'Food, weight and metabolic conditions')
ON CONFLICT DO NOTHING; -- the name may be taken too
