-- How many bookings may lie ahead: of a provider exactly, of a patient and of a guest's contact but for those in
-- flight; who is bound by none of it; what each is told.

local cluster = require "support.cluster"
local http = require "support.http"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

-- Everybody's token is their id. Eight slots of half an hour, in 2100.
local PEOPLE <const> = [[
INSERT INTO "User" ("id", "role") VALUES ('admin', 'ADMIN'), ('stranger', 'USER');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User";
UPDATE "CalendarEvent" SET "blocksAvailability" = false;
SELECT mb_refresh('provider', '2100-01-04', '2100-01-05')]]

local FREE <const> = [[SELECT mb_move_booking(jsonb_build_object('bookingId', "id", 'action', 'cancel',
  'event', 'cancelled', 'fromStatuses', '["CONFIRMED"]'::jsonb, 'toStatus', 'CANCELLED', 'reasonCode', 'x'))
  FROM "Booking" WHERE "status" = 'CONFIRMED']]

local SLOTS <const> = { "0800", "0830", "0900", "0930", "1000", "1030", "1100", "1130" }

describe("bookings ahead", function()
  local app, database, next_slot

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run(PEOPLE)
    app = server.start {
      database = database, workers = 2, env = {
        MEDBOOKD_BOOKING_MAX_AHEAD_PROVIDER = "5", MEDBOOKD_BOOKING_MAX_AHEAD_PATIENT = "2",
        MEDBOOKD_BOOKING_MAX_AHEAD_CONTACT = "2",
      },
    }
  end)
  before_each(function()
    database.run(FREE)
    next_slot = 0
  end)
  after_each(function()
    assert.same({}, database.query(paths.read "tests/invariants.sql"))
  end)

  -- Books the next slot for this guest, or with a token alone for whoever has it.
  local function book(guest, token)
    next_slot = next_slot + 1
    local body = guest or {}
    body.slotId = SLOTS[next_slot]
    body.guestName = guest and "Guest"
    return app:post("/v1/bookings", body, { headers = { Authorization = token and "Bearer " .. token } })
  end

  local function is(status, code, response)
    assert.same({ status, code }, { response.status, response.json.code }, response.body)
  end

  it("are few for one e-mail address, whose owner nobody learns", function()
    is(201, nil, book { guestEmail = "a@example.org" })
    local second = book { guestEmail = "A@Example.org" }
    is(201, nil, second)
    local third = book { guestEmail = "a@example.ORG", guestPhone = "+27821234567" }
    is(429, "rate_limited", third)
    assert.is_truthy(third.headers["retry-after"])
    assert.matches('^"address";r=0;t=', third.headers.ratelimit)
    is(201, nil, book { guestEmail = "b@example.org" })
    local cancelled = app:post(("/v1/bookings/%s/cancel"):format(second.json.id), {},
      { headers = { Authorization = "Bearer " .. second.json.manageToken } })
    assert.equal(200, cancelled.status, cancelled.body)
    is(201, nil, book { guestEmail = "a@example.org" })
  end)

  it("are few for one number, for calls or WhatsApp", function()
    is(201, nil, book { guestPhone = "+27821234567" })
    is(201, nil, book { guestWhatsapp = "+27821234567" })
    is(429, "rate_limited", book { guestWhatsapp = "+27821234567" })
    is(201, nil, book { guestPhone = "+27821234568" })
  end)

  it("are few for a guest too when somebody signed in books for them", function()
    is(201, nil, book({ guestEmail = "a@example.org" }, "stranger"))
    is(201, nil, book { guestEmail = "a@example.org" })
    is(409, "too_many_bookings", book({ guestEmail = "a@example.org" }, "stranger"))
  end)

  it("are few for one patient", function()
    is(201, nil, book(nil, "patient"))
    is(201, nil, book(nil, "patient"))
    is(409, "too_many_bookings", book(nil, "patient"))
    is(201, nil, book(nil, "stranger"))
  end)

  it("are as many as a provider may have, and more only for whoever runs them", function()
    for i = 1, 5 do is(201, nil, book { guestEmail = ("g%d@example.org"):format(i) }) end
    for _, token in ipairs { "doctor", "user", "admin" } do
      is(201, nil, book({ guestEmail = "a@example.org" }, token))
    end
    next_slot = 7
    local last = database.query [[SELECT "id" FROM "Booking" WHERE "slotId" = '1130']][1].id
    local cancelled = app:post(("/v1/bookings/%s/cancel"):format(last), {},
      { headers = { Authorization = "Bearer doctor" } })
    assert.equal(200, cancelled.status, cancelled.body)
    is(409, "too_many_bookings", book { guestEmail = "new@example.org" })
    next_slot = 7
    is(409, "too_many_bookings", book(nil, "patient"))
  end)

  it("are exactly as many as a provider may have, however many ask at once", function()
    local connections, seen = {}, {}
    for i = 1, 32 do
      connections[i] = app:connect { timeout = 60 }
      assert(connections[i]:send(http.format("POST", "/v1/bookings", {
        body = { slotId = SLOTS[i % 8 + 1], guestName = "Guest", guestEmail = ("g%d@example.org"):format(i) },
      })))
    end
    for _, connection in ipairs(connections) do
      local answer = assert(connection:read())
      seen[answer.json.code or answer.status] = true
      connection:close()
    end
    assert.is_true(seen[201] and seen.too_many_bookings)
    assert.equal("5", database.query [[SELECT count(*) AS n FROM "Booking" WHERE "status" = 'CONFIRMED']][1].n)
  end)

  it("are not counted where the ceiling is 0", function()
    local free = server.start { database = database, workers = 1, env = {
      MEDBOOKD_BOOKING_MAX_AHEAD_PATIENT = "0", MEDBOOKD_BOOKING_MAX_AHEAD_CONTACT = "0",
    } }
    for _, slot in ipairs(SLOTS) do
      local r = free:post("/v1/bookings", { slotId = slot, guestName = "Guest", guestEmail = "a@example.org" })
      assert.equal(201, r.status, r.body)
    end
    free:stop()
  end)
end)
