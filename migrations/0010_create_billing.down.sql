DROP TABLE "Payment";
DROP TABLE "UsageRecord";
DROP TABLE "Subscription";
DROP TABLE "SubscriptionPlan";
