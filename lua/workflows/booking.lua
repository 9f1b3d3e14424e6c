-- The life of a booking. One statement does each step in one round trip (mb_book and mb_move_booking in
-- migrations/R__functions.sql); here its outcomes become answers. Which steps there are: states/booking.lua.
local bookings = require "queries.bookings"
local config = require "mb.config"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local manage_token = require "mb.manage_token"
local problem = require "mb.problem"
local states = require "workflows.states.booking"
local transition = require "mb.transition"

config.declare("booking.cancel_until", {
  type = "duration", default = "2h", least = "0s", most = "365d",
  help = "a patient may cancel until this long before the start",
})

-- outcome -> status, detail
local REFUSALS <const> = {
  slot_not_found = { 404, "there is no such slot" },
  slot_taken = { 409, "this slot was booked by somebody else" },
  slot_overlapped = { 409, "the provider has another booking at this time" },
  slot_blocked = { 409, "the provider is not available at this time" },
  slot_held = { 409, "somebody else is about to book this time" },
  not_bookable = { 409, "the provider takes no bookings for this slot at present" },
  slot_past = { 422, "this slot lies in the past" },
  client_not_found = { 422, "clientId names no user" },
  mode_required = { 422, "this slot is offered online and in person: send isOnline" },
  mode_unavailable = { 422, "this slot is not offered that way: leave isOnline out or change it" },
  idempotency_mismatch = { 422, "this Idempotency-Key was sent with another request before" },
  booking_not_found = { 404, "there is no such booking" },
  too_late = { 409, "it is too late to cancel: call the clinic" },
  too_early = { 409, "the appointment has not begun" },
  version_mismatch = { 412, "the booking was changed meanwhile: look at it again" },
}

local function refuse(outcome)
  local known = REFUSALS[outcome]
  if not known then
    error(("unknown outcome '%s' of a booking statement"):format(outcome))
  end
  error(problem(known[1], outcome, known[2]))
end

-- A statement that lost its race for a lock or its connection in mid-air tells the client to
-- repeat: with an Idempotency-Key that is safe.
local function run(statement, ...)
  local ok, rows = pcall(db.query, statement, ...)
  if ok then
    return rows[1]
  end
  if problem.is(rows) and rows.code == "database_conflict" then
    error(problem(409, "request_in_progress", "the same or a competing request is in work: repeat it",
      { retry_after = 1 }))
  end
  error(rows, 0)
end

-- The stored answer with what must never be stored: the token made from it.
local function with_token(row)
  local token = manage_token.make(row.id, row.tokenVersion)
  return json.raw(('%s,"manageToken":"%s"}'):format(row.body:sub(1, -2), token))
end

-- caller: { user_id, role, key, hash }. Returns { id, version, body }.
local function create(input, caller)
  local is_guest = input.guestName ~= nil
  local client = input.clientId
  if not is_guest and not client then
    client = caller.user_id
  end
  if not is_guest and not client then
    error(problem(422, "validation_failed", "guestName is required: say who the appointment is for",
      { errors = { { pointer = "/guestName", detail = "is required without an account" } } }))
  end
  if client and client ~= caller.user_id then
    error(problem(403, "client_not_allowed", "you may book for yourself or for a guest"))
  end
  local row = run(bookings.book, input.slotId, id.cuid(), client, input.guestName, input.guestEmail,
    input.guestPhone, input.guestWhatsapp, input.isOnline, input.notes, caller.user_id, caller.key, caller.hash, nil)
  if row.outcome ~= "created" and row.outcome ~= "replayed" then
    refuse(row.outcome)
  end
  return { id = row.id, version = row.version, body = with_token(row) }
end

-- The value of the `notice` guard of each transition that has one.
local notices = {}
for _, it in ipairs(states.transitions) do
  notices[it] = it.guards.notice and config(it.guards.notice)
end

-- Takes the booking of a row of `get` one step. how: { reason, version, user_id, key, hash }. Returns
-- { version, body }.
local function move(booking, action, how, judge)
  local row = transition.run(states, action, booking, judge, function(it)
    return run(bookings.move, booking.id, how.version, how.user_id, action, it.from, it.to, it.effects.event,
      it.effects.reason_code, how.reason, notices[it], it.guards.begun, how.key, how.hash)
  end)
  if row.outcome ~= "moved" and row.outcome ~= "replayed" then
    refuse(row.outcome)
  end
  return { version = row.version, body = json.raw(row.body) }
end

-- Gives up a booking that nobody confirmed; one that was decided meanwhile stays as it is.
local function expire(booking)
  local it = states:own "expire"
  local row = run(bookings.move, booking, nil, nil, it.action, it.from, it.to, it.effects.event,
    it.effects.reason_code, nil, nil, nil, nil, nil)
  if row.outcome ~= "moved" and row.outcome ~= "transition_not_allowed" then
    refuse(row.outcome)
  end
end

-- The booking of a row of queries/bookings.lua `get` as the API shows it.
local function view(row)
  return json.raw(row.body)
end

return { create = create, move = move, expire = expire, view = view }
