SET LOCAL ROLE medbookd_owner;

UPDATE "IdempotencyKey" SET "caller" = "requestHash" WHERE "caller" = '';

COMMENT ON COLUMN "IdempotencyKey"."caller" IS 'id of the user; for anonymous callers the hash of the request';

RESET ROLE;
