DROP TABLE "IdempotencyKey";
DROP TABLE "AuditLog";
DROP TABLE "Outbox";
DROP FUNCTION mb_keep_audit_log();
