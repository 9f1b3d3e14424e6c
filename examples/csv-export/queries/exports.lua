-- What the export route reads.
local query = require "mb.query"

return {
  -- Bookings that start in a span, some at a time in the order of their start. $1 from, $2 to, $3 and $4 start and
  -- id of the last one read, or null, $5 most rows.
  bookings = query.read("exports.bookings", [[
SELECT b."id", b."startTime", b."endTime", b."status"::text AS "status", b."providerId", b."isOnline", b."notes"
  FROM "Booking" b
 WHERE b."startTime" >= $1::timestamptz AND b."startTime" < $2::timestamptz
   AND ($3::timestamptz IS NULL OR (b."startTime", b."id") > ($3::timestamptz, $4))
 ORDER BY b."startTime", b."id"
 LIMIT $5::integer]]),
}
