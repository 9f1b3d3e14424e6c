-- What is written beside a change of a resource (lua/mb/record.lua). Repeatable: run again whenever this text changes,
-- so a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- Ends a change of a row: tells the others, says who did it and, for a request with a key, keeps its answer. `event`
-- as service.created, told with `details`. Fails as a conflict when the same key was used meanwhile: sent again, the
-- statement will find the answer.
CREATE OR REPLACE FUNCTION mb_conclude_record(request jsonb, resource text, id text, event text, details jsonb, answer text)
    RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
BEGIN
    WITH told AS (
        INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload", "createdAt")
        VALUES (event, resource, id, details, at)
    )
    INSERT INTO "AuditLog" ("userId", "action", "category", "resource", "resourceId", "ipAddress", "userAgent",
                            "requestId", "metadata", "createdAt")
    VALUES (request ->> 'userId', upper(replace(event, '.', '_')), 'DATA_MODIFICATION', resource, id,
            request ->> 'address', request ->> 'agent', request ->> 'requestId', details, at);
    IF request ? 'key' AND NOT mb_keep_answer(request, id, answer, at) THEN
        RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION mb_conclude_record(jsonb, text, text, text, jsonb, text) IS
    'writes outbox, audit log and the answer for a repetition beside a change of a row';

-- Ends a step of a workflow: `event` as organization.approved, or null when nobody is told; `reason` in words.
CREATE OR REPLACE FUNCTION mb_conclude_move(request jsonb, resource text, id text, action text, event text,
                                            from_status text, to_status text, reason text, version integer, answer text)
    RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    at constant timestamptz := date_trunc('milliseconds', mb_now());
BEGIN
    INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus", "userId", "reason",
                                 "createdAt")
    VALUES (resource, id, action, from_status, to_status, request ->> 'userId', reason, at);
    IF event IS NOT NULL THEN
        INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload", "createdAt")
        VALUES (event, resource, id, jsonb_build_object('status', to_status, 'version', version), at);
    END IF;
    INSERT INTO "AuditLog" ("userId", "action", "category", "resource", "resourceId", "ipAddress", "userAgent",
                            "requestId", "metadata", "createdAt")
    VALUES (request ->> 'userId', upper(regexp_replace(resource, '(?<!^)([A-Z])', '_\1', 'g') || '_' || action),
            'DATA_MODIFICATION', resource, id, request ->> 'address', request ->> 'agent', request ->> 'requestId',
            jsonb_strip_nulls(jsonb_build_object('from', from_status, 'status', to_status, 'reason', reason,
                                                 'version', version)), at);
    IF request ? 'key' AND NOT mb_keep_answer(request, id, answer, at) THEN
        RAISE EXCEPTION 'idempotency key in use' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION mb_conclude_move(jsonb, text, text, text, text, text, text, text, integer, text) IS
    'writes history, outbox, audit log and the answer for a repetition beside a step of a workflow';

RESET ROLE;
