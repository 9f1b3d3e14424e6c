-- Numbers that wait for the code that was sent to them. No code is here: it is made again from the row's id
-- (lua/workflows/contacts.lua), so that no job and no backup holds one.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "ContactCode" (
    "id" text DEFAULT mb_cuid() CONSTRAINT "ContactCode_pkey" PRIMARY KEY,
    "userId" text NOT NULL CONSTRAINT "ContactCode_userId_fkey" REFERENCES "User" ("id") ON DELETE CASCADE,
    "kind" text NOT NULL,
    "number" text NOT NULL,
    "tries" integer NOT NULL DEFAULT 0,
    "expires" timestamptz(3) NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "ContactCode_userId_kind_key" UNIQUE ("userId", "kind"),
    CONSTRAINT "ContactCode_kind_check" CHECK ("kind" IN ('phone', 'whatsapp')),
    CONSTRAINT "ContactCode_tries_check" CHECK ("tries" BETWEEN 0 AND 5)
);
COMMENT ON COLUMN "ContactCode"."number" IS 'takes the place of the account''s own once the code is sent back';

CREATE INDEX "ContactCode_expires_idx" ON "ContactCode" ("expires");

-- Apart from the codes, so that it outlives them and their accounts.
CREATE TABLE "ContactCodeCount" (
    "key" text CONSTRAINT "ContactCodeCount_pkey" PRIMARY KEY,
    "count" integer NOT NULL,
    "until" timestamptz(3) NOT NULL,
    CONSTRAINT "ContactCodeCount_count_check" CHECK ("count" > 0)
);
COMMENT ON TABLE "ContactCodeCount" IS 'codes that were sent for an account, to a number, or for a client address';
COMMENT ON COLUMN "ContactCodeCount"."until" IS 'when it begins anew: a day after the first that it counts';

CREATE INDEX "ContactCodeCount_until_idx" ON "ContactCodeCount" ("until");

RESET ROLE;
