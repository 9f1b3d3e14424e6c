-- Organizations, beside what lua/resources/organizations.lua says of them. Repeatable: run again whenever this text
-- changes, so a change that old servers must not see needs a new name.
SET LOCAL ROLE medbookd_owner;

-- The members stand in the order of lua/resources/organizations.lua. No row: there is none.
CREATE OR REPLACE FUNCTION mb_organization_body(organization text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
SELECT row_to_json(x)::text
  FROM (SELECT o."id", o."name", o."description", o."email", o."phone", o."website", o."logo", o."timeZone",
               o."billingModel", o."status", mb_instant(o."statusSince") AS "statusSince", o."rejectionReason",
               mb_instant(o."approvedAt") AS "approvedAt", o."trialStatus",
               mb_instant(o."trialStarted") AS "trialStarted", mb_instant(o."trialEnded") AS "trialEnded",
               o."version", mb_instant(o."createdAt") AS "createdAt", mb_instant(o."updatedAt") AS "updatedAt"
          FROM "Organization" o
         WHERE o."id" = organization) x
$$;
COMMENT ON FUNCTION mb_organization_body(text) IS 'one organization in any status, as its members read it';

-- request: of mb.caller, with `organization` and `membership`, ids for the new ones, and `given`. outcome: created,
-- replayed, idempotency_mismatch, email_not_verified or unknown_zone. Whoever registers it is its first owner.
CREATE OR REPLACE FUNCTION mb_create_organization(request jsonb)
    RETURNS TABLE (outcome text, body text)
    LANGUAGE plpgsql VOLATILE
    AS $$
DECLARE
    given constant jsonb := request -> 'given';
    made constant text := request ->> 'organization';
BEGIN
    RETURN QUERY SELECT k.outcome, k."body"
                   FROM mb_answer(request ->> 'userId', request ->> 'route', request ->> 'key', request ->> 'hash') k;
    IF FOUND THEN
        RETURN;
    END IF;
    outcome := CASE WHEN NOT EXISTS (SELECT FROM "User" u
                                      WHERE u."id" = request ->> 'userId' AND u."emailVerified" IS NOT NULL)
                    THEN 'email_not_verified'
                    WHEN NOT mb_is_zone(given ->> 'timeZone') THEN 'unknown_zone'
                    ELSE 'created' END;
    IF outcome = 'created' THEN
        INSERT INTO "Organization" ("id", "name", "description", "email", "phone", "website", "timeZone",
                                    "billingModel", "statusSince")
        VALUES (made, given ->> 'name', given ->> 'description', given ->> 'email', given ->> 'phone',
                given ->> 'website', given ->> 'timeZone', (given ->> 'billingModel')::"OrganizationBillingModel",
                mb_now());
        INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role")
        VALUES (request ->> 'membership', made, request ->> 'userId', 'OWNER');
        body := mb_organization_body(made);
        PERFORM mb_conclude_record(request, 'Organization', made, 'organization.created', '{"version": 1}', body);
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION mb_create_organization(jsonb) IS 'registers an organization with its first owner';

RESET ROLE;
