-- Lost answers. A client books and cancels with Idempotency-Keys while faultproxy breaks
-- connections: between medbookd and PostgreSQL at every message of the booking's exchange, before
-- and after COMMIT; and between the client and medbookd before the request arrives and after its
-- answer is on the way. A retry with the same key must give one booking and one answer.

local clinics = require "chaos.clinic"
local http = require "support.http"
local cjson = require "cjson"
local native = require "support.native"

-- What the SQL of the two calls contains (lua/queries/bookings.lua).
local BOOKS <const>, CANCELS <const> = "mb_book(", "mb_move_booking("
local TRIES <const>, LAST_BOUNDARY <const> = 20, 12

-- Sends until there is a final answer; { status, body, tries }.
local function send_until_answered(port, target, options)
  local last
  for try = 1, TRIES do
    local ok, response = pcall(http.request, "POST", target, {
      port = port, timeout = 15, headers = options.headers, body = options.body,
    })
    last = ok and response or { status = 0, body = tostring(response) }
    local busy = last.status == 409 and last.headers["retry-after"]
    if ok and not busy and last.status ~= 503 and last.status ~= 504 then
      return { status = last.status, body = last.body, tries = try }
    end
    native.sleep(0.05)
  end
  return { status = last.status, body = last.body, tries = TRIES }
end

local function book(port, slot, key)
  local body = ('{"slotId":"%s","guestName":"%s","guestEmail":"%s@example.org",%s}')
    :format(slot, key, key, clinics.FIELDS)
  return send_until_answered(port, "/v1/bookings", {
    body = body, headers = { ["Idempotency-Key"] = key, ["Content-Type"] = "application/json" },
  })
end

local function cancel(port, booking, key)
  return send_until_answered(port, ("/v1/bookings/%s/cancel"):format(booking.id), {
    body = "{}", headers = { ["Idempotency-Key"] = key, ["Content-Type"] = "application/json",
                             Authorization = "Bearer " .. booking.manageToken },
  })
end

local function complain(faults, key, text, answer)
  faults[#faults + 1] = ("%s: %s: %d %s"):format(key, text, answer.status, answer.body:sub(1, 300))
end

-- Books through the fault, then once more without one: one row, the same answer.
local function prove_booking(clinic, port, slot, key, faults)
  local first = book(port, slot, key)
  if first.status ~= 201 then
    complain(faults, key, "not booked", first)
    return nil
  end
  local again = book(clinic.port, slot, key)
  if again.status ~= 201 or again.body ~= first.body then complain(faults, key, "another answer later", again) end
  local rows = clinic:query(('SELECT id FROM "Booking" WHERE "guestName" = \'%s\''):format(key))
  local booking = cjson.decode(first.body)
  if #rows ~= 1 or rows[1].id ~= booking.id then complain(faults, key, #rows .. " rows", first) end
  return booking, first.tries
end

local function prove_cancel(clinic, port, booking, key, faults)
  local first = cancel(port, booking, key)
  if first.status ~= 200 then
    complain(faults, key, "not cancelled", first)
    return
  end
  local again = cancel(clinic.port, booking, key)
  if again.status ~= 200 or again.body ~= first.body then complain(faults, key, "another answer later", again) end
  local rows = clinic:query(('SELECT status FROM "Booking" WHERE id = \'%s\''):format(booking.id))
  if rows[1].status ~= "CANCELLED" then complain(faults, key, "still " .. rows[1].status, first) end
end

-- Every fault, then every boundary; the last ones are the end of the exchange.
local function plans(match)
  local list = { "before match=" .. match, "after match=" .. match }
  for n = 0, LAST_BOUNDARY do list[#list + 1] = ("boundary boundary=%d match=%s"):format(n, match) end
  return list
end

-- A plan that broke nothing has proved nothing.
local function arm_and_run(proxy, plan, result, action)
  local before = proxy:report().fired
  proxy:arm(plan)
  action()
  local fired = proxy:report().fired - before
  if fired ~= 1 then result.faults[#result.faults + 1] = ("%s: fired %d times"):format(plan, fired) end
  result.fired = result.fired + fired
  proxy:arm "none"
end

-- Between medbookd and PostgreSQL. `proxy` stands there; the clinic runs through it.
local function database_side(clinic, proxy, size)
  local result = { fired = 0, bookings = 0, retried = 0, faults = {} }
  local book_plans, cancel_plans = plans(BOOKS), plans(CANCELS)
  local slots = clinic:take_slots(#book_plans * size.rounds)
  for round = 1, size.rounds do
    for i, plan in ipairs(book_plans) do
      local key = ("lost-%d-%d-%d"):format(size.seed, round, i)
      local slot, booking, tries = slots[(round - 1) * #book_plans + i], nil, nil
      arm_and_run(proxy, plan, result, function()
        booking, tries = prove_booking(clinic, clinic.port, slot, key, result.faults)
      end)
      result.bookings = result.bookings + (booking and 1 or 0)
      result.retried = result.retried + ((tries or 1) > 1 and 1 or 0)
      if booking then
        arm_and_run(proxy, cancel_plans[i], result, function()
          prove_cancel(clinic, clinic.port, booking, key .. "-cancel", result.faults)
        end)
      end
    end
  end
  return result
end

-- Between the client and medbookd: `proxy` listens on `port`.
local function client_side(clinic, proxy, port, size)
  local result = { fired = 0, bookings = 0, retried = 0, faults = {} }
  local plans_of_client <const> = { "before match=POST", "after match=POST" }
  local slots = clinic:take_slots(2 * size.rounds)
  for i, slot in ipairs(slots) do
    local key = ("cut-%d-%d"):format(size.seed, i)
    local plan, booking, tries = plans_of_client[i % 2 + 1], nil, nil
    arm_and_run(proxy, plan, result, function()
      booking, tries = prove_booking(clinic, port, slot, key, result.faults)
    end)
    result.bookings = result.bookings + (booking and 1 or 0)
    result.retried = result.retried + ((tries or 1) > 1 and 1 or 0)
    if booking then
      arm_and_run(proxy, plan, result, function()
        prove_cancel(clinic, port, booking, key .. "-cancel", result.faults)
      end)
    end
  end
  return result
end

return { database_side = database_side, client_side = client_side }
