-- What becomes of a booking, who decides it and when. A declined booking is CANCELLED too: the reason code
-- tells the difference. mb_move_booking (migrations/R__functions.sql) judges the time, by the clock of the database.
local rules = require "permissions.bookings"
local workflow = require "mb.workflow"

local on = workflow.on

-- What the clinic says about an appointment, from its start until nobody remembers.
local FROM_START <const> = { opens = "startTime", closes = { "endTime", after = "booking.close_after" } }

return workflow.new {
  resource = "bookings",
  enum = "BookingStatus",
  states = { "PENDING", "CONFIRMED", "CANCELLED", "COMPLETED", "NO_SHOW" },
  initial = { "PENDING", "CONFIRMED" }, -- as the availability wants it
  final = { "CANCELLED", "COMPLETED", "NO_SHOW" },
  tells = "booking", begins = "created",
  times = { "startTime", "endTime" },
  effects = {
    event = "string", -- as the outbox has it, and the audit log as BOOKING_<EVENT>
    reason_code = "string",
  },
  transitions = {
    on.confirm {
      from = "PENDING", to = "CONFIRMED", who = rules.manage, when = { closes = "startTime" },
      effects = { event = "confirmed" },
    },
    on.decline {
      from = "PENDING", to = "CANCELLED", who = rules.manage, when = { closes = "startTime" },
      effects = { event = "declined", reason_code = "declined_by_provider" },
    },
    -- Nobody confirmed it within booking.expire_after, or before its start.
    on.expire {
      from = "PENDING", to = "CANCELLED", who = workflow.server, when = workflow.any_time,
      effects = { event = "expired", reason_code = "expired" },
    },
    -- The clinic keeps to no notice.
    on.cancel {
      from = { "PENDING", "CONFIRMED" }, to = "CANCELLED", who = rules.manage, when = { closes = "endTime" },
      effects = { event = "cancelled", reason_code = "cancelled_by_provider" },
    },
    on.cancel {
      from = { "PENDING", "CONFIRMED" }, to = "CANCELLED", who = rules.cancel,
      when = { closes = { "startTime", before = "booking.cancel_until" } },
      effects = { event = "cancelled", reason_code = "cancelled_by_patient" },
    },
    on.complete {
      from = "CONFIRMED", to = "COMPLETED", who = rules.manage, when = FROM_START,
      effects = { event = "completed" },
    },
    on.no_show {
      from = "CONFIRMED", to = "NO_SHOW", who = rules.manage, when = FROM_START, effects = { event = "missed" },
    },
  },
}
