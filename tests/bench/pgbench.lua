-- Prints the pgbench script of the booking part: the statement of lua/queries/bookings.lua with the
-- values that wrk/booking.lua makes the server send. Argument: the lua folder.
--   pgbench -D clients=N -D i=0: every client counts through slots of its own.
local folder = arg[1]
local file <close> = assert(io.popen(("lua5.4 '%s/sql.lua' '%s' queries.bookings"):format(
  arg[0]:match("^(.*)/"), folder)))
local sql = require("cjson").decode(file:read("a"))["bookings.book"]

local REQUEST <const> = [[jsonb_build_object('slotId', 'cslot' || lpad(:n::text, 20, '0'),
  'bookingId', 'cbook' || lpad(:n::text, 20, '0'), 'reference', lpad(:n::text, 8, '0'), 'guestName', 'Bench Guest',
  'guestEmail', 'guest' || :n || '@example.org', 'address', '127.0.0.1', 'requestId', lpad(:n::text, 16, '0'))]]

print("\\set i :i + 1")
print("\\set n (:i - 1) * :clients + :client_id + 1")
print((sql:gsub("%$1::jsonb", REQUEST)) .. ";")
