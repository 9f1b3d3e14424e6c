-- The status of providers (lua/workflows/states/provider.lua): its steps and trials. Repeatable: run again
-- whenever this text changes, so a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- One step. Who comes second waits for the first, also for one that reviews or answers a requirement, and sees what it
-- made of the provider. request: of mb.caller, with `provider`, `version` expected, `action`, `fromStatuses` that it
-- may leave, `toStatuses` (of several the one before the suspension), `event`, `reason` in words, `trialLength`, and
-- `refusal`, why it may not be although the status allows it. What is unknown is left out. outcome: moved, replayed,
-- idempotency_mismatch, not_found, version_mismatch, transition_not_allowed, trial_used or the refusal; status and
-- version: what they are now.
CREATE OR REPLACE FUNCTION mb_move_provider(request jsonb)
    RETURNS TABLE (outcome text, status text, version integer, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    p "Provider";
    was text;
    target text;
    at timestamptz;
    begins boolean; -- what it does to the trial
    converts boolean;
    ends boolean;
BEGIN
    SELECT * INTO p FROM "Provider" x WHERE x."id" = request ->> 'provider' FOR NO KEY UPDATE;
    IF request ? 'key' THEN
        RETURN QUERY SELECT k.outcome, p."status"::text, (k."body"::json ->> 'version')::integer, k."body"
                       FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key',
                                      request ->> 'hash') k;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    at := date_trunc('milliseconds', mb_now());
    was := p."status"::text;
    target := CASE WHEN jsonb_array_length(request -> 'toStatuses') = 1 THEN request -> 'toStatuses' ->> 0
                   WHEN p."suspendedFrom" = 'TRIAL' AND p."trialEnded" <= at THEN 'TRIAL_EXPIRED'
                   ELSE coalesce(p."suspendedFrom"::text, 'ACTIVE') END;
    outcome := CASE WHEN p."id" IS NULL THEN 'not_found'
                    WHEN p."version" <> (request ->> 'version')::integer THEN 'version_mismatch'
                    WHEN NOT request -> 'fromStatuses' ? was THEN 'transition_not_allowed'
                    WHEN was = 'APPROVED' AND target = 'TRIAL' AND p."trialStarted" IS NOT NULL THEN 'trial_used'
                    ELSE coalesce(request ->> 'refusal', 'moved') END;
    IF outcome = 'moved' THEN
        begins := was = 'APPROVED' AND target = 'TRIAL';
        converts := was IN ('TRIAL', 'TRIAL_EXPIRED') AND target = 'ACTIVE';
        ends := p."trialStatus" IN ('ACTIVE', 'EXPIRING_SOON') AND target IN ('TRIAL_EXPIRED', 'CANCELLED');
        UPDATE "Provider" x
           SET "status" = target::"ProviderStatus",
               -- Of the last decision, until it is made anew.
               "approvedAt" = CASE WHEN target = 'APPROVED' AND was = 'PENDING_APPROVAL' THEN at
                                   WHEN target <> 'PENDING_APPROVAL' THEN x."approvedAt" END,
               "approvedById" = CASE WHEN target = 'APPROVED' AND was = 'PENDING_APPROVAL' THEN request ->> 'userId'
                                     WHEN target <> 'PENDING_APPROVAL' THEN x."approvedById" END,
               "rejectedAt" = CASE WHEN target = 'REJECTED' THEN at END,
               "rejectionReason" = CASE WHEN target = 'REJECTED' THEN request ->> 'reason' END,
               "trialStarted" = CASE WHEN begins THEN at ELSE x."trialStarted" END,
               "trialEnded" = CASE WHEN begins THEN at + (request ->> 'trialLength')::interval
                                   WHEN converts OR ends THEN least(x."trialEnded", at) ELSE x."trialEnded" END,
               "trialStatus" = CASE WHEN begins THEN 'ACTIVE' WHEN converts THEN 'CONVERTED' WHEN ends THEN 'EXPIRED'
                                    ELSE x."trialStatus"::text END::"TrialStatus"
         WHERE x."id" = p."id"
        RETURNING x.* INTO p;
        body := mb_provider_body(p."id");
        PERFORM mb_conclude_move(request, 'Provider', p."id", request ->> 'action',
                                 'provider.' || (request ->> 'event'), was, target, request ->> 'reason', p."version",
                                 body);
    END IF;
    status := p."status"::text;
    version := p."version";
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_move_provider(jsonb) IS
    'moves a provider from one of these statuses to another: moved, replayed, or why not';

-- What a trial's clock says, beside its end while it is in service (mb_move_provider): once that it ends soon, and for
-- one that is suspended that it is over, which shows when the suspension is lifted. notice: how long before. The event
-- that was told, or null.
CREATE OR REPLACE FUNCTION mb_note_trial(provider text, notice interval) RETURNS text
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    p "Provider";
    at constant timestamptz := mb_now();
    event text;
BEGIN
    SELECT * INTO p FROM "Provider" x WHERE x."id" = provider FOR NO KEY UPDATE;
    event := CASE WHEN coalesce(p."suspendedFrom", p."status") <> 'TRIAL' THEN NULL
                  WHEN p."trialEnded" <= at THEN CASE WHEN p."status" = 'SUSPENDED' THEN 'provider.trial_expired' END
                  WHEN p."trialStatus" = 'ACTIVE' AND p."trialEnded" <= at + notice THEN 'provider.trial_ending' END;
    IF event IS NOT NULL THEN
        UPDATE "Provider" x
           SET "trialStatus" = CASE WHEN event = 'provider.trial_ending' THEN 'EXPIRING_SOON'
                                    ELSE 'EXPIRED' END::"TrialStatus",
               "suspendedFrom" = CASE WHEN event = 'provider.trial_expired' THEN 'TRIAL_EXPIRED'
                                      ELSE x."suspendedFrom"::text END::"ProviderStatus"
         WHERE x."id" = provider
        RETURNING x.* INTO p;
        PERFORM mb_conclude_record('{}', 'Provider', provider, event,
                                   jsonb_build_object('status', p."status", 'version', p."version"), NULL);
    END IF;
    RETURN event;
END
$$;
COMMENT ON FUNCTION mb_note_trial(text, interval) IS 'tells once that a trial ends soon, or ended while it was suspended';

RESET ROLE;
