-- Gives up bookings that nobody confirmed in time, so that their slots are free again.
local booking = require "workflows.booking"
local bookings = require "queries.bookings"
local config = require "mb.config"
local db = require "mb.db"

local AFTER <const> = config "booking.expire_after"

return {
  kind = "bookings.expire", every = "1min", max_attempts = 3,
  run = function()
    for _, row in ipairs(db.query(bookings.overdue, AFTER)) do
      booking.expire(row.id)
    end
  end,
}
