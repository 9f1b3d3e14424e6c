-- What an organization has: a table of the installation's own. Numbers belong to medbookd; a repeatable file is run again
-- whenever its text changes, so each statement bears repetition. A column that comes later is an
-- ALTER TABLE … ADD COLUMN IF NOT EXISTS below the table.
-- Made by medbookd_owner, everything here can be read and written by medbookd.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE IF NOT EXISTS "Device" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "Device_pkey" PRIMARY KEY,
    "organizationId" text NOT NULL
        CONSTRAINT "Device_organizationId_fkey" REFERENCES "Organization" ("id") ON DELETE CASCADE,
    "name" text NOT NULL,
    "isPortable" boolean NOT NULL DEFAULT false,
    "serialNumber" text,
    "servicedAt" timestamptz(3),
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "updatedAt" timestamptz(3) NOT NULL DEFAULT now(),
    "version" integer NOT NULL DEFAULT 1,
    CONSTRAINT "Device_name_key" UNIQUE ("organizationId", "name")
);

-- One index for each order of the list, within an organization.
CREATE INDEX IF NOT EXISTS "Device_organizationId_name_id_idx" ON "Device" ("organizationId", "name", "id");
CREATE INDEX IF NOT EXISTS "Device_organizationId_createdAt_id_idx" ON "Device" ("organizationId", "createdAt", "id");

-- ETags, If-Match and updatedAt.
CREATE OR REPLACE TRIGGER "Device_version" BEFORE UPDATE ON "Device" FOR EACH ROW EXECUTE FUNCTION mb_count_version();

RESET ROLE;
