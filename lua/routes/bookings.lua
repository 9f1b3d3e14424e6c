-- Bookings: make one, look at it, cancel it.
local booking = require "workflows.booking"
local bookings = require "queries.bookings"
local conditional = require "mb.conditional"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local validation = require "validation.bookings"

-- The booking that the path names; nil when there is none.
local function named(req)
  return db.query(bookings.get, req.params.id)[1]
end

return {
  {
    method = "POST", path = "/v1/bookings", permission = "public", auth = true,
    summary = "Book a slot, as a guest or signed in",
    body = validation.create,
    handler = function(req)
      local key, hash = idempotency.of(req, req.body)
      local made = booking.create(req.body, { user_id = req.user_id, role = req.user_role, key = key, hash = hash })
      return 201, made.body, { ETag = conditional.etag(made.version), Location = "/v1/bookings/" .. made.id }
    end,
  },
  {
    method = "GET", path = "/v1/bookings/{id}", permission = "bookings.view",
    summary = "One booking, for its patient or whoever holds its manage token",
    subject = named,
    handler = function(_, row)
      return 200, booking.view(row), { ETag = conditional.etag(row.version) }
    end,
  },
  {
    method = "POST", path = "/v1/bookings/{id}/cancel", permission = "bookings.cancel",
    summary = "Cancel a booking and free its time",
    body = validation.cancel,
    subject = named,
    handler = function(req, row)
      local key, hash = idempotency.of(req, req.body)
      local done = booking.cancel(row, {
        reason = req.body.reason, version = conditional.expected(req, row.version),
        user_id = req.user_id, key = key, hash = hash,
      })
      return 200, done.body, { ETag = conditional.etag(done.version) }
    end,
  },
}
