-- The status of those who can subscribe, providers and organizations (lua/workflows/subscriber_steps.lua): its steps and
-- trials. Both tables have the same columns for it, and mb_<table>_body. Repeatable: run again whenever this text
-- changes, so a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- One step. Who comes second waits for the first, also for one that reviews or answers a requirement, and sees what it
-- made of the row. request: of mb.caller, with `resource`, the table, `id`, `version` expected, `action`,
-- `fromStatuses` that it may leave, `toStatuses` (of several the one before the suspension), `event`, `reason` in words,
-- `trialLength`, and `refusal`, why it may not be although the status allows it. What is unknown is left out. outcome:
-- moved, replayed, idempotency_mismatch, not_found, version_mismatch, transition_not_allowed, trial_used or the refusal;
-- status and version: what they are now.
CREATE OR REPLACE FUNCTION mb_move_subscriber(request jsonb)
    RETURNS TABLE (outcome text, status text, version integer, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    resource constant text := request ->> 'resource';
    p record;
    was text;
    target text;
    at timestamptz;
    trial_status text;
    trial_started timestamptz;
    trial_ended timestamptz;
BEGIN
    EXECUTE format('SELECT x."id", x."version", x."status"::text, x."suspendedFrom"::text, x."trialStatus"::text,
                           x."trialStarted", x."trialEnded"
                      FROM %I x WHERE x."id" = $1 FOR NO KEY UPDATE', resource)
       INTO p USING request ->> 'id';
    IF request ? 'key' THEN
        RETURN QUERY SELECT k.outcome, p."status", (k."body"::json ->> 'version')::integer, k."body"
                       FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key',
                                      request ->> 'hash') k;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    at := date_trunc('milliseconds', mb_now());
    was := p."status";
    status := was;
    version := p."version";
    target := CASE WHEN jsonb_array_length(request -> 'toStatuses') = 1 THEN request -> 'toStatuses' ->> 0
                   WHEN p."suspendedFrom" = 'TRIAL' AND p."trialEnded" <= at THEN 'TRIAL_EXPIRED'
                   ELSE coalesce(p."suspendedFrom", 'ACTIVE') END;
    outcome := CASE WHEN p."id" IS NULL THEN 'not_found'
                    WHEN p."version" <> (request ->> 'version')::integer THEN 'version_mismatch'
                    WHEN NOT request -> 'fromStatuses' ? was THEN 'transition_not_allowed'
                    WHEN was = 'APPROVED' AND target = 'TRIAL' AND p."trialStarted" IS NOT NULL THEN 'trial_used'
                    ELSE coalesce(request ->> 'refusal', 'moved') END;
    IF outcome = 'moved' THEN
        trial_status := p."trialStatus";
        trial_started := p."trialStarted";
        trial_ended := p."trialEnded";
        IF was = 'APPROVED' AND target = 'TRIAL' THEN
            trial_status := 'ACTIVE';
            trial_started := at;
            trial_ended := at + (request ->> 'trialLength')::interval;
        ELSIF was IN ('TRIAL', 'TRIAL_EXPIRED') AND target = 'ACTIVE' THEN
            trial_status := 'CONVERTED';
            trial_ended := least(trial_ended, at);
        ELSIF trial_status IN ('ACTIVE', 'EXPIRING_SOON') AND target IN ('TRIAL_EXPIRED', 'CANCELLED') THEN
            trial_status := 'EXPIRED';
            trial_ended := least(trial_ended, at);
        END IF;
        -- Of the last decision, until it is made anew.
        EXECUTE format('
            UPDATE %I x
               SET "status" = $2::%I,
                   "approvedAt" = CASE WHEN $2 = ''APPROVED'' AND $3 = ''PENDING_APPROVAL'' THEN $4
                                       WHEN $2 <> ''PENDING_APPROVAL'' THEN x."approvedAt" END,
                   "approvedById" = CASE WHEN $2 = ''APPROVED'' AND $3 = ''PENDING_APPROVAL'' THEN $5 ->> ''userId''
                                         WHEN $2 <> ''PENDING_APPROVAL'' THEN x."approvedById" END,
                   "rejectedAt" = CASE WHEN $2 = ''REJECTED'' THEN $4 END,
                   "rejectionReason" = CASE WHEN $2 = ''REJECTED'' THEN $5 ->> ''reason'' END,
                   "trialStatus" = $6::"TrialStatus", "trialStarted" = $7, "trialEnded" = $8
             WHERE x."id" = $1
            RETURNING x."version"', resource, resource || 'Status')
           INTO version
          USING p."id", target, was, at, request, trial_status, trial_started, trial_ended;
        status := target;
        EXECUTE format('SELECT mb_%s_body($1)', lower(resource)) INTO body USING p."id";
        PERFORM mb_conclude_move(request, resource, p."id", request ->> 'action',
                                 lower(resource) || '.' || (request ->> 'event'), was, target, request ->> 'reason',
                                 version, body);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_move_subscriber(jsonb) IS
    'moves a provider or an organization from one of these statuses to another: moved, replayed, or why not';

-- What a trial's clock says, beside its end while it is in service (mb_move_subscriber): once that it ends soon, and for
-- one that is suspended that it is over, which shows when the suspension is lifted. resource: the table; notice: how
-- long before. The event that was told, or null.
CREATE OR REPLACE FUNCTION mb_note_trial(resource text, id text, notice interval) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    p record;
    at constant timestamptz := mb_now();
    event text;
BEGIN
    EXECUTE format('SELECT x."status"::text, coalesce(x."suspendedFrom", x."status")::text AS "meant",
                           x."trialStatus"::text, x."trialEnded"
                      FROM %I x WHERE x."id" = $1 FOR NO KEY UPDATE', resource)
       INTO p USING id;
    event := CASE WHEN p."meant" <> 'TRIAL' THEN NULL
                  WHEN p."trialEnded" <= at THEN CASE WHEN p."status" = 'SUSPENDED' THEN 'trial_expired' END
                  WHEN p."trialStatus" = 'ACTIVE' AND p."trialEnded" <= at + notice THEN 'trial_ending' END;
    IF event IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('
        UPDATE %I x
           SET "trialStatus" = CASE WHEN $2 THEN ''EXPIRED'' ELSE ''EXPIRING_SOON'' END::"TrialStatus",
               "suspendedFrom" = CASE WHEN $2 THEN ''TRIAL_EXPIRED'' ELSE x."suspendedFrom"::text END::%I
         WHERE x."id" = $1
        RETURNING x."status"::text, x."version"', resource, resource || 'Status')
       INTO p USING id, event = 'trial_expired';
    event := lower(resource) || '.' || event;
    PERFORM mb_conclude_record('{}', resource, id, event,
                               jsonb_build_object('status', p."status", 'version', p."version"), NULL);
    RETURN event;
END
$$;
COMMENT ON FUNCTION mb_note_trial(text, text, interval) IS
    'tells once that a trial ends soon, or ended while it was suspended';

RESET ROLE;
