SET LOCAL ROLE medbookd_owner;

CREATE TABLE "SubscriptionPlan" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "SubscriptionPlan_pkey" PRIMARY KEY,
    "name" text NOT NULL,
    "description" text,
    "basePrice" numeric(10,2) NOT NULL,
    "currency" text NOT NULL DEFAULT 'ZAR',
    "interval" "BillingInterval" NOT NULL,
    "includedSlots" integer NOT NULL DEFAULT 30,
    "tierPricing" jsonb NOT NULL,
    "features" jsonb,
    "maxProviders" integer,
    "maxLocations" integer,
    "stripePriceId" text,
    "isActive" boolean NOT NULL DEFAULT true,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "SubscriptionPlan_basePrice_check" CHECK ("basePrice" >= 0),
    CONSTRAINT "SubscriptionPlan_currency_check" CHECK ("currency" ~ '^[A-Z]{3}$'),
    CONSTRAINT "SubscriptionPlan_includedSlots_check" CHECK ("includedSlots" >= 0),
    CONSTRAINT "SubscriptionPlan_tierPricing_check" CHECK (jsonb_typeof("tierPricing") = 'object'),
    CONSTRAINT "SubscriptionPlan_maxProviders_check" CHECK ("maxProviders" > 0),
    CONSTRAINT "SubscriptionPlan_maxLocations_check" CHECK ("maxLocations" > 0)
);

CREATE TABLE "Subscription" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Subscription_pkey" PRIMARY KEY,
    "organizationId" text
        CONSTRAINT "Subscription_organizationId_fkey" REFERENCES "Organization" ("id") ON DELETE RESTRICT,
    "providerId" text
        CONSTRAINT "Subscription_providerId_fkey" REFERENCES "Provider" ("id") ON DELETE RESTRICT,
    "locationId" text
        CONSTRAINT "Subscription_locationId_fkey" REFERENCES "Location" ("id") ON DELETE RESTRICT,
    "status" "SubscriptionStatus" NOT NULL,
    "type" "SubscriptionType" NOT NULL DEFAULT 'BASE',
    "planId" text NOT NULL
        CONSTRAINT "Subscription_planId_fkey" REFERENCES "SubscriptionPlan" ("id") ON DELETE RESTRICT,
    "startDate" timestamptz(3) NOT NULL,
    "endDate" timestamptz(3),
    "cancelledAt" timestamptz(3),
    "cancelReason" text,
    "currentMonthSlots" integer NOT NULL DEFAULT 0,
    "billingCycleStart" timestamptz(3) NOT NULL,
    "billingCycleEnd" timestamptz(3) NOT NULL,
    "stripeCustomerId" text,
    "stripeSubscriptionId" text,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "Subscription_owner_check" CHECK (num_nonnulls("organizationId", "providerId", "locationId") = 1),
    CONSTRAINT "Subscription_endDate_check" CHECK ("endDate" > "startDate"),
    CONSTRAINT "Subscription_billingCycleEnd_check" CHECK ("billingCycleEnd" > "billingCycleStart"),
    CONSTRAINT "Subscription_currentMonthSlots_check" CHECK ("currentMonthSlots" >= 0)
);

-- One live BASE subscription per owner.
CREATE UNIQUE INDEX "Subscription_organizationId_base_key" ON "Subscription" ("organizationId")
    WHERE "type" = 'BASE' AND "status" IN ('ACTIVE', 'PAST_DUE', 'TRIALING');
CREATE UNIQUE INDEX "Subscription_providerId_base_key" ON "Subscription" ("providerId")
    WHERE "type" = 'BASE' AND "status" IN ('ACTIVE', 'PAST_DUE', 'TRIALING');
CREATE UNIQUE INDEX "Subscription_locationId_base_key" ON "Subscription" ("locationId")
    WHERE "type" = 'BASE' AND "status" IN ('ACTIVE', 'PAST_DUE', 'TRIALING');

CREATE TABLE "UsageRecord" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "UsageRecord_pkey" PRIMARY KEY,
    "subscriptionId" text NOT NULL
        CONSTRAINT "UsageRecord_subscriptionId_fkey" REFERENCES "Subscription" ("id") ON DELETE RESTRICT,
    "slotId" text NOT NULL CONSTRAINT "UsageRecord_slotId_key" UNIQUE,
    "slotDate" timestamptz(3) NOT NULL,
    "slotStatus" "SlotStatus" NOT NULL,
    "billingCycle" text NOT NULL,
    "serviceId" text NOT NULL,
    "providerId" text NOT NULL,
    "tierUsed" integer NOT NULL,
    "priceCharged" numeric(10,2) NOT NULL,
    "processed" boolean NOT NULL DEFAULT false,
    "processedAt" timestamptz(3),
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "UsageRecord_priceCharged_check" CHECK ("priceCharged" >= 0),
    CONSTRAINT "UsageRecord_processedAt_check" CHECK ("processed" = ("processedAt" IS NOT NULL))
);
COMMENT ON COLUMN "UsageRecord"."slotId" IS 'no foreign key: what was used is owed for after the slot is gone';

CREATE INDEX "UsageRecord_subscriptionId_billingCycle_idx" ON "UsageRecord" ("subscriptionId", "billingCycle");
CREATE INDEX "UsageRecord_processed_billingCycle_idx" ON "UsageRecord" ("processed", "billingCycle");

CREATE TABLE "Payment" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Payment_pkey" PRIMARY KEY,
    "subscriptionId" text NOT NULL
        CONSTRAINT "Payment_subscriptionId_fkey" REFERENCES "Subscription" ("id") ON DELETE RESTRICT,
    "amount" numeric(10,2) NOT NULL,
    "baseAmount" numeric(10,2),
    "usageAmount" numeric(10,2),
    "currency" text NOT NULL,
    "status" "PaymentStatus" NOT NULL,
    "stripePaymentId" text,
    "stripeInvoiceId" text,
    "paidAt" timestamptz(3),
    "failureReason" text,
    "billingPeriodStart" timestamptz(3),
    "billingPeriodEnd" timestamptz(3),
    "slotsCovered" integer,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "Payment_amount_check" CHECK ("amount" >= 0 AND "baseAmount" >= 0 AND "usageAmount" >= 0),
    CONSTRAINT "Payment_currency_check" CHECK ("currency" ~ '^[A-Z]{3}$'),
    CONSTRAINT "Payment_billingPeriodEnd_check" CHECK ("billingPeriodEnd" > "billingPeriodStart"),
    CONSTRAINT "Payment_slotsCovered_check" CHECK ("slotsCovered" >= 0)
);
CREATE INDEX "Payment_subscriptionId_billingPeriodStart_idx" ON "Payment" ("subscriptionId", "billingPeriodStart");

GRANT SELECT ON "SubscriptionPlan", "Subscription", "UsageRecord", "Payment" TO medbookd_report;

RESET ROLE;
