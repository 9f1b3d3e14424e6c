-- Anonymous callers share one scope of idempotency keys, named ''. Until now each was known by the hash of
-- its request, so that a key bound nobody. Of several requests that used one key the newest keeps it; the
-- others are not found any more and go with their day.
SET LOCAL ROLE medbookd_owner;

UPDATE "IdempotencyKey" k SET "caller" = ''
 WHERE k."caller" = k."requestHash"
   AND NOT EXISTS (
       SELECT FROM "IdempotencyKey" x
        WHERE x."caller" = x."requestHash" AND x."route" = k."route" AND x."key" = k."key"
          AND (x."createdAt", x."requestHash") > (k."createdAt", k."requestHash"));

COMMENT ON COLUMN "IdempotencyKey"."caller" IS 'id of the user; empty for anonymous callers, who share one scope';

RESET ROLE;
