-- Bookings. The changes are plpgsql functions (migrations/R__functions.sql), so that each is one
-- round trip whose locks are taken in the one order; sent again after a lost answer they tell what
-- became of the first.
local query = require "mb.query"

return {
  -- Books a slot. $1 slot, $2 new id of the booking, $3 client or null, $4 to $7 guest's name,
  -- e-mail, phone, WhatsApp, $8 online, in person (false) or null, $9 notes, $10 the user who asks
  -- or null, $11 idempotency key or null, $12 hash of the request, $13 hold token or null.
  -- outcome: created, replayed, idempotency_mismatch, slot_not_found, slot_taken, slot_overlapped,
  -- slot_blocked, slot_held, slot_past, not_bookable, mode_required, mode_unavailable,
  -- client_not_found. body is JSON text, byte for byte the same when replayed.
  book = query.write("bookings.book", [[
SELECT r.outcome, r.booking_id AS "id", r.booking_version AS "version", r.token_version AS "tokenVersion",
       r.answer AS "body"
  FROM mb_book($1, $2, $3, $4, $5, $6, $7, $8::boolean, $9, $10, $11, $12, $13) r]]),

  -- Takes a booking one step along its workflow. $1 booking, $2 version expected or null, $3 the user
  -- who asks or null, $4 action, $5 statuses it may leave, $6 status it leads to, $7 event that is told,
  -- $8 reason code or null, $9 reason in words or null, $10 notice to be kept before the start, as
  -- '2 hours', or null, $11 whether it must have begun, $12 idempotency key or null, $13 hash of the
  -- request. outcome: moved, replayed, idempotency_mismatch, booking_not_found, version_mismatch,
  -- transition_not_allowed, too_late, too_early. status: what it is now.
  move = query.write("bookings.move", [[
SELECT r.outcome, r.status, r.booking_id AS "id", r.booking_version AS "version", r.answer AS "body"
  FROM mb_move_booking($1, $2::integer, $3, $4, $5::text[], $6, $7, $8, $9, $10::interval, $11::boolean, $12,
                       $13) r]]),

  -- Some that nobody confirmed in time, longest overdue first. $1 how long there is time, as '24h'.
  overdue = query.read("bookings.overdue", [[
SELECT b."id"
  FROM "Booking" b
 WHERE b."status" = 'PENDING'
   AND (b."createdAt" <= (SELECT mb_now() - $1::interval) OR b."startTime" <= (SELECT mb_now()))
 ORDER BY b."startTime"
 LIMIT 200]]),

  -- One booking: body as the API shows it, and what permission rules need. $1 booking.
  get = query.read("bookings.get", [[
SELECT b."id", b."status", b."version", b."tokenVersion", b."clientId", b."providerId", b."organizationId",
       b."locationId", mb_booking_body(b) AS "body"
  FROM "Booking" b
 WHERE b."id" = $1]]),
}
