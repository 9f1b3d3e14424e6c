-- What the clinic's providers are and do: rows of the reference data, which the loader puts in before these files, and
-- the numbers by which the files speak of them.
CREATE TEMPORARY TABLE demo_type ON COMMIT DROP AS
SELECT n, "ProviderType"."id"
FROM (VALUES
    (1, 'general-practitioner'), (2, 'psychologist'), (3, 'dentist'), (4, 'speech-therapist'), (5, 'physiotherapist'),
    (6, 'occupational-therapist'), (7, 'dietitian')
) AS type (n, slug)
JOIN "ProviderType" USING ("slug");

CREATE TEMPORARY TABLE demo_service ON COMMIT DROP AS
SELECT service.n, type, service.slug, "Service"."id", "defaultDuration" AS minutes, "defaultPrice" AS price
FROM (VALUES
    (1, 1, 'general-gp-consult'), (2, 1, 'chronic-disease-management'), (3, 1, 'preventive-health-screening'),
    (4, 1, 'prescription-refill'), (5, 2, 'general-psychology-consult'), (6, 2, 'individual-therapy'),
    (7, 2, 'psychological-assessment'), (8, 3, 'general-dental-consult'), (9, 3, 'teeth-cleaning'),
    (10, 3, 'dental-x-ray'), (11, 4, 'general-speech-consult'), (12, 4, 'speech-therapy-session'),
    (13, 5, 'general-physiotherapy-consult'), (14, 5, 'physiotherapy-treatment'),
    (15, 6, 'general-occupational-therapy-consult'), (16, 6, 'occupational-therapy-session'),
    (17, 7, 'general-dietetic-consult'), (18, 7, 'nutrition-counselling')
) AS service (n, type, slug)
JOIN demo_type ON demo_type.n = type
JOIN "Service" ON "Service"."providerTypeId" = demo_type."id" AND "Service"."slug" = service.slug;
