-- The life of a booking. One statement does each step in one round trip (mb_book and mb_move_booking in
-- migrations/R__functions.sql); here its outcomes become answers. Which steps there are: states/booking.lua.
local bookings = require "queries.bookings"
local config = require "mb.config"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local limit = require "mb.limit"
local manage_token = require "mb.manage_token"
local permit = require "mb.permit"
local problem = require "mb.problem"
local rules = require "permissions.bookings"
local slots = require "queries.slots"
local states = require "workflows.states.booking"
local transition = require "mb.transition"

config.declare("booking.cancel_until", {
  type = "duration", default = "2h", least = "0s", most = "365d",
  help = "a patient may cancel until this long before the start",
})
config.declare("booking.close_after", {
  type = "duration", default = "30d", least = "0s", most = "365d",
  help = "a clinic may note that an appointment took place, or that nobody came, until this long after its end",
})

-- outcome -> status, detail, member that tells the time in it
local REFUSALS <const> = {
  slot_not_found = { 404, "slot not found" },
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
  booking_not_found = { 404, "booking not found" },
  too_late = { 409, "'%s' was possible until %s", "until" },
  too_early = { 409, "'%s' is possible from %s", "from" },
  version_mismatch = { 412, "the booking was changed meanwhile: look at it again" },
}

-- action and instant: of a step that came too early or too late.
local function refuse(outcome, action, instant)
  local known = REFUSALS[outcome]
  if not known then
    error(("unknown outcome '%s' of a booking statement"):format(outcome))
  end
  error(problem(known[1], outcome, known[2]:format(action, instant),
    known[3] and { members = { [known[3]] = instant } }))
end

-- `request` of a statement: what `what` holds beside what it is told of the caller (mb.caller).
local function beside(caller, what)
  for name, value in pairs(caller) do
    what[name] = value
  end
  return what
end

-- A statement that lost its race for a lock or its connection in mid-air tells the client to
-- repeat: with an Idempotency-Key that is safe.
local function run(statement, request)
  local ok, rows = pcall(db.query, statement, json.encode(request))
  if ok then
    return rows[1]
  end
  if problem.is(rows) and rows.code == "database_conflict" then
    error(problem(409, "request_in_progress", "the same or a competing request is in work: repeat it",
      { retry_after = 1 }))
  end
  error(rows, 0)
end

-- ---- how many may lie ahead ----

local function ceiling(text)
  local most = math.tointeger(text)
  return most > 0 and most or nil
end

local MOST_OF_PROVIDER <const> = ceiling(config.declare("booking.max_ahead_provider", {
  type = "integer", default = 0, least = 0, most = 1000000,
  help = "live bookings that may lie ahead of a provider; 0 = any number",
}))
local MOST_OF_PATIENT <const> = ceiling(config.declare("booking.max_ahead_patient", {
  type = "integer", default = 20, least = 0, most = 1000000,
  help = "live bookings that may lie ahead of a user as patient; 0 = any number",
}))
local MOST_OF_CONTACT <const> = ceiling(config.declare("booking.max_ahead_contact", {
  type = "integer", default = 10, least = 0, most = 1000000,
  help = "live bookings that may lie ahead of a guest's e-mail address, phone or WhatsApp number; 0 = any number",
}))
local FULL <const> = { provider_full = true, person_full = true }

-- Somebody has as many as may be. Who is a patient must not be learned by booking under their address, so a caller
-- without an account gets the very answer that they get for asking too often.
local function refuse_more(outcome, req)
  if outcome == "person_full" and not req.user_id then
    error(limit.refusal(req))
  end
  error(problem(409, "too_many_bookings", outcome == "provider_full"
    and "the provider takes no further bookings at present"
    or "there are as many bookings ahead as one person may have: let one pass or cancel one"))
end

-- Provider, staff and admins know what they do: nothing bounds what they book on their own timelines.
local function runs_slot(req, slot)
  local place = req.user_id and db.query(slots.place, slot)[1]
  return place ~= nil and permit.judge(req, place):allows(rules.manage)
end

-- ---- steps ----

-- What a constraint says of a booking that every check let pass. Random names that exist already are made anew.
local TAKEN <const> = { Booking_slotId_key = true, Booking_providerId_startTime_endTime_excl = true }
local COLLIDED <const> = { Booking_pkey = true, Booking_reference_key = true }
local TRIES <const> = 3

local function book(request)
  for try = 1, TRIES do
    request.bookingId, request.reference = id.cuid(), id.reference()
    local ok, found = pcall(run, bookings.book, request)
    if ok then
      return found
    end
    local constraint = problem.is(found) and found.constraint
    if TAKEN[constraint] then
      return { outcome = "slot_taken" }
    elseif not COLLIDED[constraint] or try == TRIES then
      error(found, 0)
    end
  end
end

-- The stored answer with what must never be stored: the token made from it.
local function with_token(row)
  local token = manage_token.make(row.id, row.tokenVersion)
  return json.raw(('%s,"manageToken":"%s"}'):format(row.body:sub(1, -2), token))
end

-- Books what the body asks for. caller: of mb.caller. Returns { id, version, body }.
local function create(req, caller)
  local input = req.body
  local is_guest = input.guestName ~= nil
  local client = input.clientId
  if not is_guest and not client then
    client = caller.userId
  end
  if not is_guest and not client then
    error(problem(422, "validation_failed", "guestName is required: say who the appointment is for",
      { errors = { { pointer = "/guestName", detail = "is required without an account" } } }))
  end
  if client and client ~= caller.userId then
    error(problem(403, "client_not_allowed", "you may book for yourself or for a guest"))
  end
  local request = beside(caller, {
    slotId = input.slotId, clientId = client, guestName = input.guestName, guestEmail = input.guestEmail,
    guestPhone = input.guestPhone, guestWhatsapp = input.guestWhatsapp, isOnline = input.isOnline, notes = input.notes,
    mostOfProvider = MOST_OF_PROVIDER, mostOfPerson = MOST_OF_CONTACT,
  })
  if client then
    request.mostOfPerson = MOST_OF_PATIENT
  end
  local row = book(request)
  if FULL[row.outcome] and runs_slot(req, input.slotId) then
    request.mostOfProvider, request.mostOfPerson = nil, nil
    row = book(request)
  end
  if FULL[row.outcome] then
    refuse_more(row.outcome, req)
  end
  if row.outcome ~= "created" and row.outcome ~= "replayed" then
    refuse(row.outcome)
  end
  return { id = row.id, version = row.version, body = with_token(row) }
end

-- A point in time of the table, as mb_point of migrations/R__functions.sql reads it.
local function moment(point)
  if point then
    local key = point.before or point.after
    return { of = point[1], plus = key and (point.before and "-" or "") .. config(key) }
  end
end

-- When each transition may be taken.
local opens, closes = {}, {}
for _, it in ipairs(states.transitions) do
  opens[it], closes[it] = moment(it.opens), moment(it.closes)
end

-- Takes a booking one step. how: { version expected or nil, reason in words or nil }.
local function step(it, booking, how, caller)
  return run(bookings.move, beside(caller, {
    bookingId = booking, version = how.version, reason = how.reason, action = it.action,
    fromStatuses = it.from, toStatus = it.to, event = it.effects.event,
    reasonCode = it.effects.reason_code, opens = opens[it], closes = closes[it],
  }))
end

-- The same for the booking of a row of `get`, as this caller may (mb.caller, a judge). Returns { version, body }.
local function move(booking, action, how, caller, judge)
  local row = transition.run(states, action, booking, judge, function(it)
    return step(it, booking.id, how, caller)
  end)
  if row.outcome ~= "moved" and row.outcome ~= "replayed" then
    refuse(row.outcome, action, row.body)
  end
  return { version = row.version, body = json.raw(row.body) }
end

-- Gives up a booking that nobody confirmed; one that was decided meanwhile stays as it is.
local function expire(booking)
  local row = step(states:own "expire", booking, {}, {})
  if row.outcome ~= "moved" and row.outcome ~= "transition_not_allowed" then
    refuse(row.outcome)
  end
end

-- The booking of a row of queries/bookings.lua `get` as the API shows it.
local function view(row)
  return json.raw(row.body)
end

return { create = create, move = move, expire = expire, view = view }
