-- Prints the pgbench script of the booking part: the statement of lua/queries/bookings.lua with the
-- values that wrk/booking.lua makes the server send. Argument: the lua folder.
--   pgbench -D clients=N -D i=0: every client counts through slots of its own.
local folder = arg[1]
local file <close> = assert(io.popen(("lua5.4 '%s/sql.lua' '%s' queries.bookings"):format(
  arg[0]:match("^(.*)/"), folder)))
local sql = require("cjson").decode(file:read("a"))["bookings.book"]

local VALUES <const> = {
  "'cslot' || lpad(:n::text, 20, '0')",  -- slot
  "'cbook' || lpad(:n::text, 20, '0')",  -- id of the booking
  "NULL", "'Bench Guest'", "'guest@example.org'", "NULL", "NULL", -- client, guest
  "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", -- online, notes, actor, key, hash, hold token
}

print("\\set i :i + 1")
print("\\set n (:i - 1) * :clients + :client_id + 1")
print((sql:gsub("%$(%d+)", function(n)
  return assert(VALUES[tonumber(n)], "bookings.book has a parameter that pgbench.lua does not know")
end)) .. ";")
