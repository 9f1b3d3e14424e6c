ALTER TABLE "AuditLog" DROP COLUMN "requestId";
