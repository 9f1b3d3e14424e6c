-- What is to be done later, or again and again, and how far each subscriber has read the outbox.
SET LOCAL ROLE medbookd_owner;

CREATE TYPE "JobStatus" AS ENUM ('PENDING', 'RUNNING', 'DONE', 'DEAD', 'CANCELLED');

CREATE TABLE "Job" (
    "id" text NOT NULL DEFAULT mb_cuid(),
    "kind" text NOT NULL,
    "key" text,
    "payload" jsonb NOT NULL DEFAULT '{}',
    "status" "JobStatus" NOT NULL DEFAULT 'PENDING',
    "runAt" timestamptz(3) NOT NULL DEFAULT mb_now(),
    "attempts" integer NOT NULL DEFAULT 0,
    "maxAttempts" integer NOT NULL,
    "leaseOwner" text,
    "leaseUntil" timestamptz(3),
    "lastError" text,
    "createdAt" timestamptz(3) NOT NULL DEFAULT mb_now(),
    "finishedAt" timestamptz(3),
    CONSTRAINT "Job_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "Job_payload_check" CHECK (octet_length("payload"::text) <= 65536),
    CONSTRAINT "Job_attempts_check" CHECK ("attempts" BETWEEN 0 AND "maxAttempts"),
    CONSTRAINT "Job_leaseUntil_check"
        CHECK (num_nonnulls("leaseOwner", "leaseUntil") = CASE "status" WHEN 'RUNNING' THEN 2 ELSE 0 END),
    CONSTRAINT "Job_lastError_check" CHECK (octet_length("lastError") <= 4000),
    CONSTRAINT "Job_finishedAt_check"
        CHECK (("finishedAt" IS NOT NULL) = ("status" IN ('DONE', 'DEAD', 'CANCELLED')))
);
COMMENT ON COLUMN "Job"."kind" IS 'which file of lua/jobs runs it';
COMMENT ON COLUMN "Job"."key" IS 'of several living jobs of a kind with one key there is only the first';
COMMENT ON COLUMN "Job"."payload" IS 'ids and no personal data, as in the outbox';
COMMENT ON COLUMN "Job"."leaseOwner" IS 'new each time it is taken: whoever comes back late finds another one';
COMMENT ON COLUMN "Job"."leaseUntil" IS 'from then on any other process may take it';

CREATE UNIQUE INDEX "Job_kind_key_live_key" ON "Job" ("kind", "key") WHERE "status" IN ('PENDING', 'RUNNING');
CREATE INDEX "Job_due_idx" ON "Job" ((coalesce("leaseUntil", "runAt"))) WHERE "status" IN ('PENDING', 'RUNNING');
CREATE INDEX "Job_finishedAt_idx" ON "Job" ("finishedAt") WHERE "finishedAt" IS NOT NULL;

CREATE TABLE "JobSchedule" (
    "kind" text NOT NULL,
    "lastRunAt" timestamptz(3),
    "nextRunAt" timestamptz(3) NOT NULL,
    CONSTRAINT "JobSchedule_pkey" PRIMARY KEY ("kind")
);

CREATE TABLE "OutboxCursor" (
    "subscriber" text NOT NULL,
    "transactionId" xid8 NOT NULL,
    "outboxId" bigint NOT NULL,
    CONSTRAINT "OutboxCursor_pkey" PRIMARY KEY ("subscriber")
);
COMMENT ON TABLE "OutboxCursor" IS
    'the last row of the outbox that a subscriber got, in the order of transactions: ids commit out of order';

-- Where readers are stands in their cursors; nobody ever filled this in.
ALTER TABLE "Outbox" DROP COLUMN "publishedAt";

RESET ROLE;
