-- What these providers were asked and answered. Who is in service has all that the law asks; the documents are a page
-- each. Whoever has answered something is left alone.
CREATE FUNCTION pg_temp.demo_pdf(title text, holder text) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE
    AS $$
DECLARE
    page constant text := format('BT /F 20 Tf 72 760 Td (%s) Tj 0 -32 Td (%s) Tj 0 -32 Td (an invented document) Tj ET',
                                 title, holder);
    objects constant text[] := ARRAY[
        '<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R'
            || ' /Resources << /Font << /F 4 0 R >> >> >>',
        '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
        format(E'<< /Length %s >>\nstream\n%s\nendstream', length(page), page)];
    pdf text := E'%PDF-1.4\n';
    places text := E'0000000000 65535 f \n';
BEGIN
    FOR number IN 1 .. 5 LOOP
        places := places || lpad(length(pdf)::text, 10, '0') || E' 00000 n \n';
        pdf := pdf || format(E'%s 0 obj\n%s\nendobj\n', number, objects[number]);
    END LOOP;
    RETURN convert_to(pdf || format(E'xref\n0 6\n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%s\n%%%%EOF\n',
                                    places, length(pdf)), 'UTF8');
END
$$;

-- place: of the requirement in the reference data. Dr Dlamini's insurance ends next week, where he is.
CREATE TEMPORARY TABLE demo_answer ON COMMIT DROP AS
SELECT demo_provider.n, demo_provider.n * 100 + place AS number, demo_provider.status, demo_provider.name, provider."id"
           AS provider, requirement."id" AS requirement, requirement."name" AS title, asked.slug, kind,
       (mb_now() AT TIME ZONE provider."timeZone")::date
           + CASE WHEN demo_provider.n = 2 THEN 7 ELSE 365 + demo_provider.n END AS ends,
       CASE kind WHEN 'true' THEN '{"value": true}'
                 WHEN 'council' THEN jsonb_build_object('value', prefix || 100000 + demo_provider.n * 7919)
                 WHEN 'year' THEN jsonb_build_object('value', (1985 + demo_provider.n % 30)::text)
                 WHEN 'school' THEN jsonb_build_object('values', jsonb_build_array(
                     (ARRAY['uct', 'wits', 'up', 'su', 'ukzn'])[1 + demo_provider.n % 5]))
       END AS answer
FROM demo_provider
JOIN (VALUES
    (1, 1, 'hpcsa-membership', 'true', NULL), (2, 1, 'hpcsa-number', 'council', 'MP'),
    (3, 1, 'hpcsa-registration', 'file', NULL), (4, 1, 'practice-insurance', 'true', NULL),
    (5, 1, 'insurance-expiry', 'day', NULL), (6, 1, 'insurance-certificate', 'file', NULL),
    (7, 1, 'medical-school', 'school', NULL), (8, 1, 'graduation-year', 'year', NULL),
    (9, 1, 'degree-certificate', 'file', NULL),
    (10, 2, 'hpcsa-membership', 'true', NULL), (11, 2, 'hpcsa-number', 'council', 'PS'),
    (12, 2, 'hpcsa-registration', 'file', NULL),
    (13, 3, 'registration', 'true', NULL), (14, 3, 'registration-document', 'file', NULL),
    (15, 4, 'registration', 'true', NULL), (16, 4, 'registration-document', 'file', NULL),
    (17, 5, 'registration', 'true', NULL), (18, 5, 'registration-document', 'file', NULL),
    (19, 6, 'registration', 'true', NULL), (20, 6, 'registration-document', 'file', NULL),
    (21, 7, 'registration', 'true', NULL), (22, 7, 'registration-document', 'file', NULL)
) AS asked (place, type, slug, kind, prefix) ON asked.type = ANY (types)
JOIN demo_type ON demo_type.n = asked.type
JOIN "RequirementType" AS requirement
    ON requirement."providerTypeId" = demo_type."id" AND requirement."slug" = asked.slug
JOIN "Provider" AS provider ON provider."id" = pg_temp.demo_id('prov', demo_provider.n)
WHERE NOT EXISTS (SELECT FROM "RequirementSubmission" WHERE "providerId" = provider."id");

UPDATE demo_answer SET answer = jsonb_build_object('value', ends::text) WHERE kind = 'day';

WITH pages AS (
    SELECT number, slug, provider, pg_temp.demo_id('file', number) AS "id", pg_temp.demo_pdf(title, name) AS bytes
    FROM demo_answer WHERE kind = 'file'
), files AS (
    INSERT INTO "ProviderFile" ("id", "providerId", "size", "reserved", "mediaType", "sha256", "completedAt")
    SELECT "id", provider, length(bytes), length(bytes), 'application/pdf', encode(sha256(bytes), 'hex'), mb_now()
    FROM pages
), pieces AS (
    INSERT INTO "ProviderFilePiece" ("fileId", "number", "bytes") SELECT "id", 1, bytes FROM pages
)
UPDATE demo_answer
SET answer = jsonb_build_object('fileId', "id", 'fileName', pages.slug || '.pdf', 'fileSize', length(bytes),
                                'fileType', 'application/pdf', 'sha256', encode(sha256(bytes), 'hex'))
FROM pages WHERE pages.number = demo_answer.number;

-- Dr Moloi waits to be reviewed; of Dr Majola the registration was not approved.
INSERT INTO "RequirementSubmission" ("id", "requirementTypeId", "providerId", "status", "documentMetadata",
                                     "submittedAt", "approvedMetadata", "approvedAt", "notes", "validatedAt",
                                     "validatedById")
SELECT pg_temp.demo_id('subm', number), requirement, provider, made.status::"RequirementsValidationStatus", answer,
       mb_now() - interval '3 days', CASE made.status WHEN 'APPROVED' THEN answer END,
       CASE made.status WHEN 'APPROVED' THEN mb_now() END,
       CASE made.status WHEN 'REJECTED' THEN 'The register has another name under this number.' END,
       CASE WHEN made.status <> 'PENDING' THEN mb_now() END,
       CASE WHEN made.status <> 'PENDING' THEN pg_temp.demo_id('user', 1) END
FROM demo_answer
CROSS JOIN LATERAL (
    SELECT CASE WHEN demo_answer.status = 'PENDING_APPROVAL' THEN 'PENDING'
                WHEN demo_answer.status = 'REJECTED' AND slug = 'hpcsa-registration' THEN 'REJECTED'
                ELSE 'APPROVED' END AS status) AS made;

-- Until when they comply, as the server's rules have it: the certificate of an insurance ends with it.
SELECT mb_settle_compliance(provider, jsonb_agg(jsonb_build_object(
           'id', requirement."id", 'required', requirement."isRequired",
           'from', CASE WHEN "Provider"."approvedAt" < "requiredSince" THEN "effectiveFrom" END,
           'until', CASE WHEN answered.slug IN ('insurance-expiry', 'insurance-certificate') THEN ends END,
           'warn', 60)))
FROM (SELECT provider, requirement, demo_answer.slug, ends FROM demo_answer) AS answered
JOIN "RequirementType" AS requirement ON requirement."id" = answered.requirement
JOIN "Provider" ON "Provider"."id" = provider
GROUP BY provider;
