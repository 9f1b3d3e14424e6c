-- When and how a provider wants its patients reminded of appointments.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "Provider"
    ADD COLUMN "reminderEnabled" boolean NOT NULL DEFAULT true,
    ADD COLUMN "reminderHours" integer NOT NULL DEFAULT 24,
    ADD COLUMN "reminderChannels" text[] NOT NULL DEFAULT '{email,sms}',
    ADD CONSTRAINT "Provider_reminderHours_check" CHECK ("reminderHours" BETWEEN 1 AND 72),
    ADD CONSTRAINT "Provider_reminderChannels_check" CHECK ("reminderChannels" <@ '{email,sms,whatsapp}'::text[]);
COMMENT ON COLUMN "Provider"."reminderHours" IS 'how long before an appointment';

RESET ROLE;
