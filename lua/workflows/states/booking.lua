-- What becomes of a booking, and who decides it. A declined booking is CANCELLED too: the reason code
-- tells the difference. A guard's value is a configuration key or true; mb_move_booking
-- (migrations/R__functions.sql) judges it.
local rules = require "permissions.bookings"
local workflow = require "mb.workflow"

local on = workflow.on

return workflow.new {
  resource = "bookings",
  enum = "BookingStatus",
  states = { "PENDING", "CONFIRMED", "CANCELLED", "COMPLETED", "NO_SHOW" },
  initial = { "PENDING", "CONFIRMED" }, -- as the availability wants it
  final = { "CANCELLED", "COMPLETED", "NO_SHOW" },
  tells = "booking", begins = "created",
  guards = {
    notice = "string", -- key of the time to be kept before the start
    begun = "boolean", -- not before the start
  },
  effects = {
    event = "string", -- as the outbox has it, and the audit log as BOOKING_<EVENT>
    reason_code = "string",
  },
  transitions = {
    on.confirm { from = "PENDING", to = "CONFIRMED", who = rules.manage, effects = { event = "confirmed" } },
    on.decline {
      from = "PENDING", to = "CANCELLED", who = rules.manage,
      effects = { event = "declined", reason_code = "declined_by_provider" },
    },
    -- Nobody confirmed it within booking.expire_after, or before its start.
    on.expire {
      from = "PENDING", to = "CANCELLED", who = workflow.server,
      effects = { event = "expired", reason_code = "expired" },
    },
    -- The clinic keeps to no notice.
    on.cancel {
      from = { "PENDING", "CONFIRMED" }, to = "CANCELLED", who = rules.manage,
      effects = { event = "cancelled", reason_code = "cancelled_by_provider" },
    },
    on.cancel {
      from = { "PENDING", "CONFIRMED" }, to = "CANCELLED", who = rules.cancel,
      guards = { notice = "booking.cancel_until" },
      effects = { event = "cancelled", reason_code = "cancelled_by_patient" },
    },
    on.complete {
      from = "CONFIRMED", to = "COMPLETED", who = rules.manage, guards = { begun = true },
      effects = { event = "completed" },
    },
    on.no_show {
      from = "CONFIRMED", to = "NO_SHOW", who = rules.manage, guards = { begun = true }, effects = { event = "missed" },
    },
  },
}
