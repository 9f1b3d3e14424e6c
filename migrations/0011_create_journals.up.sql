-- What is written beside a change, in its transaction: the event that others will hear of, who did
-- it, and the answer that a repetition of the request will get.
SET LOCAL ROLE medbookd_owner;

CREATE TABLE "Outbox" (
    "id" bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT "Outbox_pkey" PRIMARY KEY,
    "transactionId" xid8 NOT NULL DEFAULT pg_current_xact_id(),
    "type" text NOT NULL,
    "resource" text NOT NULL,
    "resourceId" text NOT NULL,
    "payload" jsonb NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "publishedAt" timestamptz(3)
);
COMMENT ON TABLE "Outbox" IS 'the change feed; payloads hold ids and no personal data';
COMMENT ON COLUMN "Outbox"."transactionId" IS
    'a reader takes rows below pg_snapshot_xmin(pg_current_snapshot()) only: ids commit out of order';

CREATE INDEX "Outbox_id_pending_idx" ON "Outbox" ("id") WHERE "publishedAt" IS NULL;

CREATE TABLE "AuditLog" (
    "id" bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT "AuditLog_pkey" PRIMARY KEY,
    "userId" text,
    "userEmail" text,
    "action" text NOT NULL,
    "category" "AuditCategory" NOT NULL DEFAULT 'GENERAL',
    "resource" text,
    "resourceId" text,
    "ipAddress" text,
    "userAgent" text,
    "metadata" jsonb,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    "hash" text
);
COMMENT ON COLUMN "AuditLog"."userId" IS 'no foreign key: the log outlives what it speaks of';
COMMENT ON COLUMN "AuditLog"."hash" IS
    'of this row and the hash before it; filled in later, as a chain would put all writers in one line';

CREATE INDEX "AuditLog_userId_createdAt_idx" ON "AuditLog" ("userId", "createdAt");
CREATE INDEX "AuditLog_resource_resourceId_idx" ON "AuditLog" ("resource", "resourceId");
CREATE INDEX "AuditLog_createdAt_idx" ON "AuditLog" ("createdAt");
CREATE INDEX "AuditLog_id_unchained_idx" ON "AuditLog" ("id") WHERE "hash" IS NULL;

CREATE FUNCTION mb_keep_audit_log() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD."hash" IS NULL AND to_jsonb(NEW) - 'hash' = to_jsonb(OLD) - 'hash' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER "AuditLog_rows_are_final" BEFORE UPDATE OR DELETE ON "AuditLog"
    FOR EACH ROW EXECUTE FUNCTION mb_keep_audit_log();
CREATE TRIGGER "AuditLog_is_not_emptied" BEFORE TRUNCATE ON "AuditLog"
    FOR EACH STATEMENT EXECUTE FUNCTION mb_keep_audit_log();
REVOKE UPDATE, DELETE ON "AuditLog" FROM medbookd_app;

CREATE TABLE "IdempotencyKey" (
    "caller" text NOT NULL,
    "route" text NOT NULL,
    "key" text NOT NULL,
    "requestHash" text NOT NULL,
    "status" integer NOT NULL,
    "body" text NOT NULL,
    "resourceId" text NOT NULL,
    "createdAt" timestamptz(3) NOT NULL DEFAULT now(),
    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("caller", "route", "key"),
    CONSTRAINT "IdempotencyKey_status_check" CHECK ("status" BETWEEN 200 AND 299)
);
COMMENT ON TABLE "IdempotencyKey" IS 'answers of the last 24 hours, by the key their request was sent with';
COMMENT ON COLUMN "IdempotencyKey"."caller" IS 'id of the user; for anonymous callers the hash of the request';
COMMENT ON COLUMN "IdempotencyKey"."body" IS 'the answer byte for byte, without its manage token';

CREATE INDEX "IdempotencyKey_createdAt_idx" ON "IdempotencyKey" ("createdAt");

RESET ROLE;
