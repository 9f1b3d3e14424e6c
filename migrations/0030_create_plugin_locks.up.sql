-- One row for each plugin that has state: who changes how many keys it has locks it. Unlike an advisory lock nobody
-- can hold it who may not see it.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "PluginLock" (
    "plugin" text NOT NULL,
    CONSTRAINT "PluginLock_pkey" PRIMARY KEY ("plugin")
);
COMMENT ON TABLE "PluginLock" IS 'a lock for each plugin; the rows say nothing else';

RESET ROLE;
