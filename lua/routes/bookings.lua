-- Bookings: make one, look at it, take it along its way.
local answers = require "validation.answers"
local booking = require "workflows.booking"
local bookings = require "queries.bookings"
local caller = require "mb.caller"
local conditional = require "mb.conditional"
local config = require "mb.config"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local permit = require "mb.permit"
local rules = require "permissions.bookings"
local session = require "workflows.session"
local validation = require "validation.bookings"

config.declare("booking.guest_rate_address", {
  type = "integer", default = 30, least = 0, most = 1000000,
  help = "bookings by guests in an hour from one IPv4 address or one /64 of IPv6; 0 = any number",
})
config.declare("booking.guest_rate", {
  type = "integer", default = 300, least = 0, most = 1000000,
  help = "bookings by guests in a minute on this machine; 0 = any number",
})

local LOCATION <const> = {
  name = "Location", description = "path of the booking", example = "/v1/bookings/cm3b0q8zk0000v9l4h2d7x1ab",
}

-- The booking that the path names; nil when there is none.
local function named(req)
  return db.query(bookings.get, req.params.id)[1]
end

-- Guests are counted, also those whom somebody signed in books for, but not a clinic's or the platform's.
local function is_no_guest(req)
  return req.body.guestName == nil or permit.judge(req):allows(rules.unlimited) or session.is_staff(req)
end

-- A step of the workflow as a route; `action` as in the path.
local function step(action, permission, summary, body)
  return {
    method = "POST", path = "/v1/bookings/{id}/" .. action, permission = permission, summary = summary, body = body,
    subject = named, headers = { idempotency.HEADER, conditional.HEADER }, sends = { conditional.ETAG },
    responses = { [200] = answers.booking },
    errors = {
      [404] = { "booking_not_found" },
      [409] = { "transition_not_allowed", "already_confirmed", "already_cancelled", "already_completed",
                "already_no_show", "too_late", "too_early" },
    },
    handler = function(req, row, judge)
      local done = booking.move(row, action:gsub("-", "_"), {
        reason = req.body.reason, version = conditional.expected(req, row.version),
      }, caller.of(req, 200), judge)
      return 200, done.body, { ETag = conditional.etag(done.version) }
    end,
  }
end

return {
  {
    method = "POST", path = "/v1/bookings", permission = "bookings.create", auth = true,
    summary = "Book a slot, as a guest or signed in",
    body = validation.create, headers = { idempotency.HEADER }, sends = { conditional.ETAG, LOCATION },
    limit = {
      except = is_no_guest,
      { per = "address", requests = "booking.guest_rate_address", window = "1h" },
      { per = "machine", requests = "booking.guest_rate", window = "1min" },
    },
    responses = { [201] = answers.new_booking },
    errors = {
      [403] = { "client_not_allowed" },
      [404] = { "slot_not_found" },
      [409] = { "slot_taken", "slot_overlapped", "slot_blocked", "slot_held", "not_bookable", "too_many_bookings" },
      [422] = { "slot_past", "client_not_found", "mode_required", "mode_unavailable" },
    },
    handler = function(req)
      local made = booking.create(req, caller.of(req, 201))
      return 201, made.body, { ETag = conditional.etag(made.version), Location = "/v1/bookings/" .. made.id }
    end,
  },
  {
    method = "GET", path = "/v1/bookings/{id}", permission = "bookings.view",
    summary = "One booking, for its patient or whoever holds its manage token",
    subject = named, sends = { conditional.ETAG },
    responses = { [200] = answers.booking },
    handler = function(_, row)
      return 200, booking.view(row), { ETag = conditional.etag(row.version) }
    end,
  },
  step("cancel", "bookings.cancel", "Cancel a booking and free its time", validation.reason),
  step("confirm", "bookings.manage", "Confirm a booking that waits for it", validation.none),
  step("decline", "bookings.manage", "Decline a booking that waits to be confirmed, and free its time",
    validation.reason),
  step("complete", "bookings.manage", "Note that the appointment took place", validation.none),
  step("no-show", "bookings.manage", "Note that the patient did not come", validation.none),
}
