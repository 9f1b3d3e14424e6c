-- Ties what the log says to the answer that the caller got and to the server's own log.
SET LOCAL ROLE medbookd_owner;

ALTER TABLE "AuditLog" ADD COLUMN "requestId" text;
COMMENT ON COLUMN "AuditLog"."requestId" IS 'X-Request-Id of the request; null for what the server did by itself';

RESET ROLE;
