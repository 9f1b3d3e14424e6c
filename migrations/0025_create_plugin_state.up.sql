-- What plugins remember between two calls: few and small values, each under a key of its own.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "PluginState" (
    "plugin" text NOT NULL,
    "key" text NOT NULL,
    "value" jsonb NOT NULL,
    "expiresAt" timestamptz(3),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT mb_now(),
    CONSTRAINT "PluginState_pkey" PRIMARY KEY ("plugin", "key"),
    CONSTRAINT "PluginState_key_check" CHECK (octet_length("key") BETWEEN 1 AND 200)
);
COMMENT ON COLUMN "PluginState"."plugin" IS 'name of its folder; no plugin sees the rows of another';

CREATE INDEX "PluginState_expiresAt_idx" ON "PluginState" ("expiresAt") WHERE "expiresAt" IS NOT NULL;

RESET ROLE;
