-- Bookings. The changes are plpgsql functions (migrations/R__functions.sql), so that each is one
-- round trip whose locks are taken in the one order; sent again after a lost answer they tell what
-- became of the first.
local query = require "mb.query"

return {
  -- Books a slot. $1 a JSON object: slotId, bookingId and reference (new ones), clientId or guestName and
  -- guestEmail, guestPhone, guestWhatsapp, isOnline, notes, holdToken, mostOfProvider and mostOfPerson (how many
  -- live bookings may lie ahead), and what mb.caller makes of a request. What is unknown is left out.
  -- outcome: created, replayed, idempotency_mismatch, slot_not_found, slot_taken, slot_overlapped,
  -- slot_blocked, slot_held, slot_past, not_bookable, mode_required, mode_unavailable,
  -- client_not_found, provider_full, person_full. body is JSON text, byte for byte the same when replayed.
  -- Violates a constraint of "Booking" when the slot, its time, the id or the reference is taken all the same.
  book = query.write("bookings.book", [[
SELECT r.outcome, r.booking_id AS "id", r.booking_version AS "version", r.token_version AS "tokenVersion",
       r.answer AS "body"
  FROM mb_book($1::jsonb) r]]),

  -- Takes a booking one step along its workflow. $1 a JSON object: bookingId, version expected, action,
  -- fromStatuses it may leave, toStatus, event that is told, reasonCode, reason in words, opens and closes (from and
  -- until when the step may be taken, as { "of": "startTime", "plus": "-2h" }), and what mb.caller makes of a request.
  -- What is unknown is left out. outcome: moved, replayed, idempotency_mismatch, booking_not_found, version_mismatch,
  -- transition_not_allowed, too_late, too_early. status: what it is now. body: the booking; when it is too late or too
  -- early the instant until or from which it may be taken.
  move = query.write("bookings.move", [[
SELECT r.outcome, r.status, r.booking_id AS "id", r.booking_version AS "version", r.answer AS "body"
  FROM mb_move_booking($1::jsonb) r]]),

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
