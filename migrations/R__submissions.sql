-- Answers to what providers are asked, their reviews, and until when providers comply. Repeatable: run again whenever
-- this text changes, so a change that old servers must not see needs a new name. What is required of a provider, since
-- when, and on which day an approved answer lapses, is told by scripts (lua/validation/compliance.lua) as `rules`, a
-- list of { id of the requirement, required, from, until = the last day, warn = days }, from what they read under the
-- lock of the provider's row: whoever answers, reviews or changes what counts holds it until the transaction ends.
SET LOCAL ROLE medbookd_owner;

CREATE OR REPLACE FUNCTION mb_submission_body(submission text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT row_to_json(x)::text
  FROM (SELECT s."id", s."providerId", s."requirementTypeId", s."status", s."documentMetadata" - 'fileId' AS "answer",
               mb_instant(s."submittedAt") AS "submittedAt", mb_instant(s."approvedAt") AS "approvedAt",
               mb_instant(s."expiresAt") AS "expiresAt", mb_instant(s."validatedAt") AS "validatedAt", s."notes",
               s."version"
          FROM "RequirementSubmission" s WHERE s."id" = submission) x
$$;
COMMENT ON FUNCTION mb_submission_body(text) IS 'an answer as those who review it see it';

-- Opens what has expired, and says so. Each was approved, so that "submittedAt" tells which had another one waiting.
CREATE OR REPLACE FUNCTION mb_lapse_answers(provider text) RETURNS void
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    s record;
BEGIN
    FOR s IN
        SELECT x."id", x."status"::text AS "status" FROM "RequirementSubmission" x
         WHERE x."providerId" = provider AND x."approvedAt" IS NOT NULL AND x."expiresAt" <= mb_now()
         ORDER BY x."id"
    LOOP
        UPDATE "RequirementSubmission" x
           SET "approvedMetadata" = NULL, "approvedAt" = NULL, "warnAt" = NULL,
               "status" = CASE s."status" WHEN 'APPROVED' THEN 'PENDING'
                                          ELSE s."status" END::"RequirementsValidationStatus",
               "submittedAt" = CASE s."status" WHEN 'APPROVED' THEN NULL ELSE x."submittedAt" END
         WHERE x."id" = s."id";
        IF s."status" = 'APPROVED' THEN
            PERFORM mb_conclude_move('{}', 'RequirementSubmission', s."id", 'lapse', 'submission.lapsed', s."status",
                                     'PENDING', NULL, x."version", NULL)
               FROM "RequirementSubmission" x WHERE x."id" = s."id";
        ELSE
            PERFORM mb_conclude_record('{}', 'RequirementSubmission', s."id", 'submission.lapsed',
                                       jsonb_build_object('status', s."status"), NULL);
        END IF;
    END LOOP;
END
$$;

-- A date counts through its day, where the provider is.
CREATE OR REPLACE FUNCTION mb_settle_compliance(provider text, rules jsonb) RETURNS timestamptz
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    zone constant text := (SELECT p."timeZone" FROM "Provider" p WHERE p."id" = provider);
    ends timestamptz(3);
BEGIN
    UPDATE "RequirementSubmission" s
       SET "expiresAt" = x.ends, "warnAt" = x.warns
      FROM (SELECT r."id", (r."until" + 1)::timestamp AT TIME ZONE zone AS ends,
                   (r."until" - r."warn")::timestamp AT TIME ZONE zone AS warns
              FROM jsonb_to_recordset(rules) r("id" text, "until" date, "warn" integer)) x
     WHERE s."providerId" = provider AND s."requirementTypeId" = x."id" AND s."approvedAt" IS NOT NULL
       AND x.ends IS NOT NULL AND (s."expiresAt", s."warnAt") IS DISTINCT FROM (x.ends, x.warns);
    PERFORM mb_lapse_answers(provider);
    SELECT nullif(coalesce(min(greatest(CASE WHEN s."approvedAt" IS NULL THEN '-infinity'
                                             ELSE coalesce(s."expiresAt", 'infinity') END,
                                        coalesce(r."from", '-infinity'))), 'infinity'), '-infinity')
      INTO ends
      FROM jsonb_to_recordset(rules) r("id" text, "required" boolean, "from" timestamptz)
      LEFT JOIN "RequirementSubmission" s ON s."requirementTypeId" = r."id" AND s."providerId" = provider
     WHERE r."required";
    UPDATE "Provider" p SET "compliantUntil" = ends
     WHERE p."id" = provider AND p."compliantUntil" IS DISTINCT FROM ends;
    RETURN ends;
END
$$;
COMMENT ON FUNCTION mb_settle_compliance(text, jsonb) IS
    'stores when answers lapse and until when the provider complies; opens what has lapsed';

-- request: of mb.caller, with `provider`, `requirement`, `answer` as it is stored, and `rules` as they are with it.
-- outcome: unchanged or answered. What was rejected or has lapsed may be sent again as it was.
CREATE OR REPLACE FUNCTION mb_answer_requirement(request jsonb)
    RETURNS TABLE (outcome text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    before "RequirementSubmission";
    made "RequirementSubmission";
BEGIN
    SELECT s.* INTO before FROM "RequirementSubmission" s
     WHERE s."providerId" = request ->> 'provider' AND s."requirementTypeId" = request ->> 'requirement';
    IF before."documentMetadata" = request -> 'answer' AND before."submittedAt" IS NOT NULL
       AND before."status" <> 'REJECTED' THEN
        outcome := 'unchanged';
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO "RequirementSubmission" ("providerId", "requirementTypeId", "documentMetadata", "submittedAt")
    VALUES (request ->> 'provider', request ->> 'requirement', request -> 'answer', mb_now())
    ON CONFLICT ON CONSTRAINT "RequirementSubmission_requirementTypeId_providerId_key" DO UPDATE
       SET "documentMetadata" = excluded."documentMetadata", "submittedAt" = excluded."submittedAt",
           "status" = 'PENDING', "notes" = NULL, "validatedAt" = NULL, "validatedById" = NULL
    RETURNING * INTO made;
    IF before."status" IN ('APPROVED', 'REJECTED') THEN
        PERFORM mb_conclude_move(request, 'RequirementSubmission', made."id", 'answer', 'submission.changed',
                                 before."status"::text, 'PENDING', NULL, made."version", NULL);
    ELSE
        PERFORM mb_conclude_record(request, 'RequirementSubmission', made."id",
                                   CASE WHEN before."id" IS NULL THEN 'submission.created' ELSE 'submission.changed' END,
                                   jsonb_build_object('status', 'PENDING', 'version', made."version"), NULL);
    END IF;
    PERFORM mb_settle_compliance(request ->> 'provider', request -> 'rules');
    outcome := 'answered';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_answer_requirement(jsonb) IS
    'keeps what a provider answers; an approved copy of what it said before counts on';

-- request: of mb.caller, with `provider`, `requirement` and `rules` as they are after it. What was approved and counts
-- is the answer again; without it there is none. outcome: withdrawn or nothing_waits.
CREATE OR REPLACE FUNCTION mb_withdraw_answer(request jsonb)
    RETURNS TABLE (outcome text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    s "RequirementSubmission";
    made "RequirementSubmission";
BEGIN
    SELECT x.* INTO s FROM "RequirementSubmission" x
     WHERE x."providerId" = request ->> 'provider' AND x."requirementTypeId" = request ->> 'requirement'
       AND x."status" <> 'APPROVED' AND x."submittedAt" IS NOT NULL;
    IF s."id" IS NULL THEN
        outcome := 'nothing_waits';
        RETURN NEXT;
        RETURN;
    END IF;
    IF s."approvedAt" IS NULL THEN
        DELETE FROM "RequirementSubmission" x WHERE x."id" = s."id";
        PERFORM mb_conclude_record(request, 'RequirementSubmission', s."id", 'submission.withdrawn',
                                   jsonb_build_object('status', s."status", 'version', s."version"), NULL);
    ELSE
        UPDATE "RequirementSubmission" x
           SET "status" = 'APPROVED', "documentMetadata" = x."approvedMetadata", "submittedAt" = x."approvedAt",
               "notes" = NULL, "validatedAt" = x."approvedAt", "validatedById" = NULL
         WHERE x."id" = s."id"
        RETURNING x.* INTO made;
        PERFORM mb_conclude_move(request, 'RequirementSubmission', s."id", 'withdraw', 'submission.withdrawn',
                                 s."status"::text, 'APPROVED', NULL, made."version", NULL);
    END IF;
    PERFORM mb_settle_compliance(request ->> 'provider', request -> 'rules');
    outcome := 'withdrawn';
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_withdraw_answer(jsonb) IS 'takes back the answer that waits, or was rejected';

-- request: of mb.caller, with `provider`, `requirement`, `version` expected, `action` (approve, reject, revoke),
-- `fromStatuses`, `toStatus`, `event`, `reason`, and `rules` as they are after it. outcome: moved, replayed,
-- idempotency_mismatch, version_mismatch, transition_not_allowed with the `status`, answer_expired.
CREATE OR REPLACE FUNCTION mb_review_answer(request jsonb)
    RETURNS TABLE (outcome text, status text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    action constant text := request ->> 'action';
    at constant timestamptz := date_trunc('milliseconds', mb_now());
    zone constant text := (SELECT p."timeZone" FROM "Provider" p WHERE p."id" = request ->> 'provider');
    s "RequirementSubmission";
    was text;
BEGIN
    RETURN QUERY SELECT k.outcome, NULL::text, k."body"
                   FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT x.* INTO s FROM "RequirementSubmission" x
     WHERE x."providerId" = request ->> 'provider' AND x."requirementTypeId" = request ->> 'requirement';
    was := s."status"::text;
    status := CASE WHEN s."submittedAt" IS NULL OR s."documentMetadata" IS NULL THEN 'NOT_SUBMITTED' ELSE was END;
    outcome := CASE WHEN s."version" <> (request ->> 'version')::integer THEN 'version_mismatch'
                    WHEN NOT (request -> 'fromStatuses' ? status
                              OR action = 'revoke' AND status = 'REJECTED' AND s."approvedAt" IS NOT NULL)
                        THEN 'transition_not_allowed'
                    WHEN action = 'approve' AND EXISTS (
                        SELECT FROM jsonb_to_recordset(request -> 'rules') r("id" text, "until" date)
                         WHERE r."id" = s."requirementTypeId" AND (r."until" + 1)::timestamp AT TIME ZONE zone <= at)
                        THEN 'answer_expired'
                    ELSE 'moved' END;
    IF outcome <> 'moved' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE "RequirementSubmission" x
       SET "status" = (request ->> 'toStatus')::"RequirementsValidationStatus", "notes" = request ->> 'reason',
           "validatedAt" = at, "validatedById" = request ->> 'userId',
           "approvedMetadata" = CASE action WHEN 'approve' THEN x."documentMetadata"
                                            WHEN 'reject' THEN x."approvedMetadata" END,
           "approvedAt" = CASE action WHEN 'approve' THEN at WHEN 'reject' THEN x."approvedAt" END,
           "expiresAt" = CASE action WHEN 'reject' THEN x."expiresAt" END,
           "warnAt" = CASE action WHEN 'reject' THEN x."warnAt" END
     WHERE x."id" = s."id";
    PERFORM mb_settle_compliance(request ->> 'provider', request -> 'rules');
    body := mb_submission_body(s."id");
    status := request ->> 'toStatus';
    IF was = status THEN
        PERFORM mb_conclude_record(request, 'RequirementSubmission', s."id", 'submission.' || (request ->> 'event'),
                                   jsonb_build_object('status', status, 'version', body::json -> 'version'), body);
    ELSE
        PERFORM mb_conclude_move(request, 'RequirementSubmission', s."id", action,
                                 'submission.' || (request ->> 'event'), was, status, request ->> 'reason',
                                 (body::json ->> 'version')::integer, body);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_review_answer(jsonb) IS 'approves or rejects the answer that waits, or revokes all of it';

RESET ROLE;
