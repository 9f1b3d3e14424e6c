-- What providers of each type are asked. lua/validation/requirements/ asks more of some.
INSERT INTO "RequirementType" ("id", "name", "validationType", "validationConfig", "displayPriority", "providerTypeId")
SELECT pg_temp.demo_id('requ', asked.n), asked.name, kind::"RequirementValidationType", config::jsonb, asked.n, t."id"
FROM (VALUES
    (1, 1, 'HPCSA membership', 'BOOLEAN',
     '{"trueLabel": "I am registered", "falseLabel": "I am not registered", "defaultValue": null}'),
    (2, 1, 'HPCSA number', 'TEXT', '{"minLength": 8, "maxLength": 10, "placeholder": "MP123456"}'),
    (3, 1, 'HPCSA registration', 'DOCUMENT', '{"expectedFormat": "PDF", "maxSizeMB": 5}'),
    (4, 1, 'Practice insurance', 'BOOLEAN', '{"trueLabel": "Insured", "falseLabel": "Not insured"}'),
    (5, 1, 'Insurance expiry', 'FUTURE_DATE',
     '{"minDaysInFuture": 30, "warningThreshold": 60, "warningText": "renew the insurance soon",
       "dateFormat": "YYYY-MM-DD", "displayFormat": "DD/MM/YYYY"}'),
    (6, 1, 'Insurance certificate', 'DOCUMENT', '{"expectedFormat": ["PDF"], "maxSizeMB": 5}'),
    (7, 1, 'Medical school', 'PREDEFINED_LIST',
     '{"options": [{"value": "uct", "label": "University of Cape Town"},
                   {"value": "wits", "label": "University of the Witwatersrand"},
                   {"value": "up", "label": "University of Pretoria"},
                   {"value": "su", "label": "Stellenbosch University"},
                   {"value": "ukzn", "label": "University of KwaZulu-Natal"},
                   {"value": "ufs", "label": "University of the Free State"},
                   {"value": "wsu", "label": "Walter Sisulu University"},
                   {"value": "smu", "label": "Sefako Makgatho Health Sciences University"}],
       "allowOther": true, "otherLabel": "Another school",
       "otherValidation": {"minLength": 3, "maxLength": 100, "required": true}}'),
    (8, 1, 'Graduation year', 'PAST_DATE', '{"dateFormat": "YYYY", "minYear": 1960}'),
    (9, 1, 'Degree certificate', 'DOCUMENT', '{"expectedFormat": "PDF", "maxSizeMB": 5}'),
    (10, 2, 'HPCSA membership', 'BOOLEAN', '{"trueLabel": "I am registered", "falseLabel": "I am not registered"}'),
    (11, 2, 'HPCSA number', 'TEXT', '{"placeholder": "PS123456"}'),
    (12, 2, 'HPCSA registration', 'DOCUMENT', '{"expectedFormat": "PDF", "maxSizeMB": 5}')
) AS asked (n, type, name, kind, config)
JOIN demo_type t ON t.n = asked.type
ON CONFLICT DO NOTHING;

INSERT INTO "RequirementType" ("id", "name", "validationType", "validationConfig", "displayPriority", "providerTypeId")
SELECT pg_temp.demo_id('requ', 20 + t.n * 2 + asked.n), asked.name, kind::"RequirementValidationType", config::jsonb,
       asked.n, t."id"
FROM demo_type t, (VALUES
    (0, 'Registration', 'BOOLEAN', '{"trueLabel": "I am registered", "falseLabel": "I am not registered"}'),
    (1, 'Registration document', 'DOCUMENT', '{"expectedFormat": "PDF", "maxSizeMB": 5}')
) AS asked (n, name, kind, config)
WHERE t.n > 2
ON CONFLICT DO NOTHING;
