-- Gives up bookings that nobody confirmed in time, so that their slots are free again.
local booking = require "workflows.booking"
local bookings = require "queries.bookings"
local config = require "mb.config"
local db = require "mb.db"

local AFTER <const> = config.declare("booking.expire_after", {
  type = "duration", default = "24h", least = "1s", most = "365d",
  help = "a booking that nobody confirms is given up after this, or when it would start",
})

return {
  kind = "bookings.expire", every = "1min", max_attempts = 3,
  run = function()
    for _, row in ipairs(db.query(bookings.overdue, AFTER)) do
      booking.expire(row.id)
    end
  end,
}
