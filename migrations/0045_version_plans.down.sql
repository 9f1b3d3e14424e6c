DROP TRIGGER "SubscriptionPlan_next_price" ON "SubscriptionPlan";
DROP TRIGGER "SubscriptionPlan_first_price" ON "SubscriptionPlan";
DROP FUNCTION mb_keep_price();
DROP TABLE "SubscriptionPlanPrice";
DROP INDEX "SubscriptionPlan_name_id_idx";
DROP TRIGGER "SubscriptionPlan_version" ON "SubscriptionPlan";
ALTER TABLE "SubscriptionPlan"
    DROP CONSTRAINT "SubscriptionPlan_tierPricing_check",
    ADD CONSTRAINT "SubscriptionPlan_tierPricing_check" CHECK (jsonb_typeof("tierPricing") = 'object'),
    DROP COLUMN "version",
    DROP COLUMN "slug";
DROP FUNCTION mb_tiers_fault(jsonb, integer);
