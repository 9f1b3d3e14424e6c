-- Plans are read and changed through the API: they have a slug and a version, their tiers make sense, and whatever a
-- plan ever cost stays readable.
SET LOCAL ROLE medbookd_owner;

CREATE FUNCTION mb_tiers_fault(tiers jsonb, included integer)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
WITH ranges AS (
    SELECT e.key AS range, m[1]::bigint AS first, m[2] = '+' AS is_open,
           CASE WHEN m[2] = '+' THEN 999999999 ELSE substr(m[2], 2)::bigint END AS last,
           CASE jsonb_typeof(e.value) WHEN 'number' THEN (e.value #>> '{}')::numeric END AS price
      FROM jsonb_each(CASE jsonb_typeof(tiers) WHEN 'object' THEN tiers ELSE '{}' END) e
      LEFT JOIN LATERAL regexp_match(e.key, '^([1-9][0-9]{0,8})(\+|-[1-9][0-9]{0,8})$') m ON true
), placed AS (
    SELECT r.*, lag(r.last, 1, included::bigint) OVER w AS before, lag(r.is_open, 1, false) OVER w AS is_behind_open,
           lead(r.first) OVER w IS NULL AS is_last
      FROM ranges r
    WINDOW w AS (ORDER BY r.first, r.is_open, r.last)
), judged AS (
    SELECT p.range, p.first, p.is_open,
           CASE WHEN p.first IS NULL THEN 'a range is written 31-100 or 301+'
                WHEN p.last < p.first THEN 'ends before it begins'
                WHEN p.price IS NULL THEN 'its price is no number'
                WHEN scale(p.price) > 2 THEN 'an amount has one or two digits behind its point'
                WHEN p.price < 0 THEN 'its price is below zero'
                WHEN p.price > 99999999.99 THEN 'an amount is over 99999999.99'
                WHEN p.first <= included THEN 'begins within the included slots'
                WHEN p.is_behind_open AND p.is_open THEN 'is a second open end'
                WHEN p.is_behind_open THEN 'begins within the open range'
                WHEN p.first <= p.before THEN 'begins within the range before it'
                WHEN p.first > p.before + 1 THEN format('leaves slot %s without a price', p.before + 1)
                WHEN p.is_last AND NOT p.is_open THEN 'is the last and has no open end, such as 301+'
           END AS fault
      FROM placed p
)
SELECT CASE WHEN jsonb_typeof(tiers) IS DISTINCT FROM 'object' THEN 'must be a JSON object'
            WHEN included IS NULL OR included NOT BETWEEN 0 AND 999999998
                THEN 'stands beside no number of included slots'
            WHEN tiers = '{}' THEN 'has no range: a flat plan writes {"1+": 0.00} and includes 0 slots'
            WHEN (SELECT count(*) FROM ranges) > 32 THEN 'has more than 32 ranges'
            ELSE (SELECT j.range || ': ' || j.fault
                    FROM judged j
                   WHERE j.fault IS NOT NULL
                   ORDER BY j.first NULLS FIRST, j.is_open, j.range
                   LIMIT 1)
       END
$$;
COMMENT ON FUNCTION mb_tiers_fault(jsonb, integer) IS
    'which range of tiers is wrong and why, or null, as src/kernel/tier.h says it of their text';

ALTER TABLE "SubscriptionPlan"
    ADD COLUMN "slug" text NOT NULL DEFAULT mb_cuid(),
    ADD COLUMN "version" integer NOT NULL DEFAULT 1,
    ADD CONSTRAINT "SubscriptionPlan_slug_key" UNIQUE ("slug"),
    ADD CONSTRAINT "SubscriptionPlan_slug_check" CHECK ("slug" ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    DROP CONSTRAINT "SubscriptionPlan_tierPricing_check",
    ADD CONSTRAINT "SubscriptionPlan_tierPricing_check"
        CHECK (mb_tiers_fault("tierPricing", "includedSlots") IS NULL);
COMMENT ON COLUMN "SubscriptionPlan"."slug" IS 'by which reference data knows a plan; never changes';

CREATE TRIGGER "SubscriptionPlan_version" BEFORE UPDATE ON "SubscriptionPlan"
    FOR EACH ROW EXECUTE FUNCTION mb_count_version();

CREATE INDEX "SubscriptionPlan_name_id_idx" ON "SubscriptionPlan" ("name", "id");

CREATE TABLE "SubscriptionPlanPrice" (
    "planId" text NOT NULL
        CONSTRAINT "SubscriptionPlanPrice_planId_fkey" REFERENCES "SubscriptionPlan" ("id") ON DELETE CASCADE,
    "number" integer NOT NULL,
    "basePrice" numeric(10,2) NOT NULL,
    "currency" text NOT NULL,
    "interval" "BillingInterval" NOT NULL,
    "includedSlots" integer NOT NULL,
    "tierPricing" jsonb NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "SubscriptionPlanPrice_pkey" PRIMARY KEY ("planId", "number")
);
COMMENT ON TABLE "SubscriptionPlanPrice" IS 'what a plan cost and costs, from number 1 on; written by a trigger only';
REVOKE UPDATE, DELETE ON "SubscriptionPlanPrice" FROM medbookd_app;
GRANT SELECT ON "SubscriptionPlanPrice" TO medbookd_report;

INSERT INTO "SubscriptionPlanPrice" ("planId", "number", "basePrice", "currency", "interval", "includedSlots",
                                     "tierPricing", "createdAt")
SELECT p."id", 1, p."basePrice", p."currency", p."interval", p."includedSlots", p."tierPricing", p."updatedAt"
  FROM "SubscriptionPlan" p;

-- Whoever changes a plan holds its row, so numbers have no gap and come once.
CREATE FUNCTION mb_keep_price() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO "SubscriptionPlanPrice" ("planId", "number", "basePrice", "currency", "interval", "includedSlots",
                                         "tierPricing", "createdAt")
    SELECT NEW."id", coalesce(max(p."number"), 0) + 1, NEW."basePrice", NEW."currency", NEW."interval",
           NEW."includedSlots", NEW."tierPricing", mb_now()
      FROM "SubscriptionPlanPrice" p
     WHERE p."planId" = NEW."id";
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION mb_keep_price() IS 'keeps what a plan costs from now on as one price more';

CREATE TRIGGER "SubscriptionPlan_first_price" AFTER INSERT ON "SubscriptionPlan"
    FOR EACH ROW EXECUTE FUNCTION mb_keep_price();
CREATE TRIGGER "SubscriptionPlan_next_price" AFTER UPDATE ON "SubscriptionPlan"
    FOR EACH ROW
    WHEN ((OLD."basePrice", OLD."currency", OLD."interval", OLD."includedSlots", OLD."tierPricing")
          IS DISTINCT FROM
          (NEW."basePrice", NEW."currency", NEW."interval", NEW."includedSlots", NEW."tierPricing"))
    EXECUTE FUNCTION mb_keep_price();

RESET ROLE;
