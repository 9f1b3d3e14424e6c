-- What providers are asked and have answered.
local query = require "mb.query"

-- Whether the provider p is past approval and was approved before what comes behind.
local CAME_BEFORE <const> = [[p."status" NOT IN ('PENDING_APPROVAL', 'REJECTED', 'CANCELLED')
                  AND coalesce(p."approvedAt", p."createdAt") < ]]

return {
  -- Keeps others from moving the status of providers, answering or reviewing until the transaction ends. $1 providers.
  lock = query.write("submissions.lock", [[
SELECT p."id" FROM "Provider" p WHERE p."id" = ANY ($1::text[]) ORDER BY p."id" FOR NO KEY UPDATE]]),

  -- What providers are asked by their types and is not retired, in the order in which it is shown, and what they have
  -- answered beyond, each with the answer if there is one ("status" is null without). "isCovered": an approved copy of
  -- the answer counts now. "heldFrom": for whom the requirement came later, since when it counts, or null;
  -- "scriptedHeldFrom": the same where a script makes it required; "…Day" is null where that is over or not known. Days
  -- are the provider's. $1 providers, $2 types in the place of theirs or null, $3 a requirement that is shown whether
  -- it is asked or not, or null.
  of_providers = query.read("submissions.of_providers", [[
SELECT p."id" AS "providerId", r."id", r."slug", r."name", r."description", r."isRequired", r."validationType",
       r."validationConfig", r."providerTypeId", t."slug" AS "typeSlug", t."name" AS "providerType",
       x.asked AS "isAsked", s."id" AS "submissionId", s."status", s."documentMetadata", s."approvedMetadata",
       s."submittedAt", s."approvedAt", s."expiresAt", s."notes", s."validatedAt", s."version",
       coalesce(s."approvedAt" IS NOT NULL AND coalesce(s."expiresAt", 'infinity') > c.now, false) AS "isCovered",
       x.held::text AS "heldFrom", x.scripted::text AS "scriptedHeldFrom",
       CASE WHEN x.held > c.now AND isfinite(x.held)
            THEN to_char(x.held AT TIME ZONE p."timeZone", 'YYYY-MM-DD') END AS "heldFromDay",
       CASE WHEN x.scripted > c.now AND isfinite(x.scripted)
            THEN to_char(x.scripted AT TIME ZONE p."timeZone", 'YYYY-MM-DD') END AS "scriptedHeldFromDay",
       to_char(s."approvedAt" AT TIME ZONE p."timeZone", 'YYYY-MM-DD') AS "approvedDay",
       to_char(c.now AT TIME ZONE p."timeZone", 'YYYY-MM-DD') AS "today"
  FROM (SELECT mb_now() AS now) c
 CROSS JOIN "Provider" p
  JOIN "RequirementType" r ON r."isActive"
  JOIN "ProviderType" t ON t."id" = r."providerTypeId"
  LEFT JOIN "RequirementSubmission" s ON s."requirementTypeId" = r."id" AND s."providerId" = p."id"
 CROSS JOIN LATERAL (
      SELECT CASE WHEN $2::text[] IS NOT NULL THEN r."providerTypeId" = ANY ($2)
                  ELSE EXISTS (SELECT FROM "ProviderTypeAssignment" a
                                WHERE a."providerId" = p."id" AND a."providerTypeId" = r."providerTypeId")
             END AS asked,
             CASE WHEN ]] .. CAME_BEFORE .. [[r."requiredSince" THEN r."effectiveFrom" END AS held,
             CASE WHEN ]] .. CAME_BEFORE .. [[coalesce(r."scriptedSince", 'infinity')
                  THEN coalesce(r."scriptedFrom", 'infinity') END AS scripted) x
 WHERE p."id" = ANY ($1::text[]) AND (x.asked OR s."id" IS NOT NULL OR r."id" = $3)
 ORDER BY p."id", t."name", t."id", r."displayPriority", r."id"]]),

  -- A provider and what it may answer: no row without such a provider; "requirementTypeId" is null without such a
  -- requirement, and of one that is retired, or whose type is. $1 provider, $2 requirement: its id, or
  -- `<provider type>.<requirement>` by slugs.
  subject = query.read("submissions.subject", [[
SELECT p."id" AS "providerId", r."id" AS "requirementTypeId", s."id" AS "submissionId", s."status", s."version"
  FROM "Provider" p
  LEFT JOIN LATERAL (
       SELECT x."id" FROM "RequirementType" x JOIN "ProviderType" t ON t."id" = x."providerTypeId"
        WHERE (x."id" = $2 OR t."slug" = split_part($2, '.', 1) AND x."slug" = split_part($2, '.', 2)
               AND split_part($2, '.', 3) = '')
          AND x."isActive" AND t."isActive"
        ORDER BY x."id" = $2 DESC LIMIT 1) r ON true
  LEFT JOIN "RequirementSubmission" s ON s."providerId" = p."id" AND s."requirementTypeId" = r."id"
 WHERE p."id" = $1]]),

  -- $1 request (mb_answer_requirement).
  answer = query.write("submissions.answer", [[SELECT x.outcome FROM mb_answer_requirement($1::jsonb) x]]),

  -- $1 request (mb_withdraw_answer).
  withdraw = query.write("submissions.withdraw", [[SELECT x.outcome FROM mb_withdraw_answer($1::jsonb) x]]),

  -- $1 request (mb_review_answer).
  review = query.write("submissions.review", [[
SELECT x.outcome, x.status, x.body FROM mb_review_answer($1::jsonb) x]]),

  -- Answers of one status, those that wait longest first; none that has lapsed, whose "submittedAt" is null. $1 status,
  -- $2 limit, $3 and $4 submittedAt and id of the last one of the page before, or null.
  desk = query.read("submissions.desk", [[
SELECT s."id", s."providerId", p."name" AS "providerName", s."requirementTypeId", t."slug" || '.' || r."slug" AS "key",
       r."name", r."validationType", s."status", s."documentMetadata" - 'fileId' AS "answer", s."submittedAt",
       s."approvedAt", s."expiresAt", s."validatedAt", s."notes", s."version"
  FROM "RequirementSubmission" s
  JOIN "Provider" p ON p."id" = s."providerId"
  JOIN "RequirementType" r ON r."id" = s."requirementTypeId"
  JOIN "ProviderType" t ON t."id" = r."providerTypeId"
 WHERE s."status" = $1::"RequirementsValidationStatus"
   AND (s."submittedAt", s."id") > (coalesce($3::timestamptz, '-infinity'), coalesce($4::text, ''))
 ORDER BY s."submittedAt", s."id"
 LIMIT $2]]),

  -- $1 list of { provider, rules } as JSON (mb_settle_compliance).
  settle = query.write("submissions.settle", [[
SELECT mb_settle_compliance(x."provider", x."rules")
  FROM jsonb_to_recordset($1::jsonb) x ("provider" text, "rules" jsonb)]]),

  -- The next providers by their ids. $1 id of the last one, or '', $2 limit.
  next_providers = query.read("submissions.next_providers", [[
SELECT p."id" FROM "Provider" p WHERE p."id" > $1 ORDER BY p."id" LIMIT $2]]),

  -- Providers of whom an approved answer has expired and is not open again. $1 limit.
  lapsed = query.read("submissions.lapsed", [[
SELECT DISTINCT x."id"
  FROM (SELECT s."providerId" AS "id" FROM "RequirementSubmission" s
         WHERE s."approvedAt" IS NOT NULL AND s."expiresAt" <= mb_now() ORDER BY s."expiresAt" LIMIT $1) x
 ORDER BY x."id"]]),

  -- Every requirement that is asked of somebody.
  requirements = query.read("submissions.requirements", [[
SELECT r."id", r."slug", t."slug" AS "typeSlug", r."isRequired", r."validationType", r."validationConfig"
  FROM "RequirementType" r JOIN "ProviderType" t ON t."id" = r."providerTypeId"
 WHERE r."isActive"]]),

  -- Notes since when scripts make something required: whoever was approved before has time. $1 requirements, $2 for how
  -- long, as '60 days'.
  note_scripted = query.write("submissions.note_scripted", [[
UPDATE "RequirementType" r
   SET "scriptedSince" = x.since, "scriptedFrom" = x.since + $2::interval
  FROM (SELECT t."id", CASE WHEN t."id" = ANY ($1::text[]) THEN mb_now() END AS since FROM "RequirementType" t) x
 WHERE r."id" = x."id" AND (x.since IS NULL) <> (r."scriptedSince" IS NULL)]]),

  -- Takes answers of whose lapse their providers are to be told, and were not. $1 limit.
  take_warnings = query.write("submissions.take_warnings", [[
UPDATE "RequirementSubmission" s
   SET "warnedFor" = s."expiresAt"
  FROM (SELECT x."id" FROM "RequirementSubmission" x
         WHERE x."warnAt" <= (SELECT mb_now()) AND x."warnedFor" IS DISTINCT FROM x."expiresAt"
           AND x."approvedAt" IS NOT NULL AND x."expiresAt" > mb_now()
         ORDER BY x."warnAt" LIMIT $1 FOR UPDATE SKIP LOCKED) due
 WHERE s."id" = due."id"
RETURNING s."id", s."providerId"]]),

  -- What a mail says of answers that lapse: each with its last day where the provider is. $1 provider, $2 answers.
  lapsing = query.read("submissions.lapsing", [[
SELECT p."name" AS "providerName", u."email", r."name",
       to_char((s."expiresAt" - interval '1 s') AT TIME ZONE p."timeZone", 'YYYY-MM-DD') AS "lastDay"
  FROM "RequirementSubmission" s
  JOIN "RequirementType" r ON r."id" = s."requirementTypeId"
  JOIN "Provider" p ON p."id" = s."providerId"
  JOIN "User" u ON u."id" = p."userId"
 WHERE s."providerId" = $1 AND s."id" = ANY ($2::text[]) AND s."approvedAt" IS NOT NULL AND s."expiresAt" > mb_now()
   AND u."email" IS NOT NULL
 ORDER BY s."expiresAt", r."name", s."id"]]),
}
