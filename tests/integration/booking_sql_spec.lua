-- mb_book and mb_move_booking: each outcome, then many sessions at once on one timeline.

local cjson = require "cjson"
local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local statuses = require "support.status"
local temp = require "support.temp"

local serial = 0

-- A call of one of the functions with this request; `with` has what all requests have.
local function call_sql(name, request, with, path, status)
  request.userId, request.address, request.agent, request.requestId = with.actor, with.address, with.agent, with.request
  if with.key then
    request.key, request.hash, request.route, request.answerStatus = with.key, with.hash or "hash", path, status
  end
  return ("SELECT * FROM %s('%s')"):format(name, (cjson.encode(request):gsub("'", "''")))
end

-- The call with these arguments by name; the patient books in person unless told otherwise.
local function book_sql(slot, with)
  with, serial = with or {}, serial + 1
  local online = with.online or false
  if online == "any" then online = nil end
  return call_sql("mb_book", {
    slotId = slot, bookingId = with.id or "booking-" .. serial, reference = with.reference or ("%08d"):format(serial),
    clientId = not with.guest and (with.client or "patient") or nil, guestName = with.guest,
    guestEmail = with.guest and "guest@example.org", isOnline = online, notes = with.notes, holdToken = with.holder,
    mostOfPerson = with.of_person, mostOfProvider = with.of_provider,
  }, with, "POST /v1/bookings", 201)
end

-- action -> what the workflow says of it
local STEPS <const> = {
  cancel = { from = { "PENDING", "CONFIRMED" }, to = "CANCELLED", event = "cancelled", why = "cancelled_by_patient" },
  confirm = { from = { "PENDING" }, to = "CONFIRMED", event = "confirmed" },
  complete = { from = { "CONFIRMED" }, to = "COMPLETED", event = "completed" },
}

local function move_sql(action, id, with)
  with = with or {}
  local step = STEPS[action]
  return call_sql("mb_move_booking", {
    bookingId = id, version = with.version, action = action, fromStatuses = step.from, toStatus = step.to,
    event = step.event, reasonCode = step.why, reason = with.reason, opens = with.opens, closes = with.closes,
  }, with, ("POST /v1/bookings/%s/%s"):format(id, action), 200)
end

local INVARIANTS <const> = paths.read "tests/invariants.sql"

describe("a booking", function()
  local database

  local function book(slot, with) return database.query(book_sql(slot, with))[1] end
  local function move(step, id, with) return database.query(move_sql(step, id, with))[1] end
  local function cancel(id, with)
    with = with or {}
    with.closes = with.closes or { of = "startTime", plus = "-2 hours" }
    return move("cancel", id, with)
  end
  local function status_of(slot)
    return psql.value(database.url,
      ([[SELECT "status" FROM "CalculatedAvailabilitySlot" WHERE "id" = '%s']]):format(slot))
  end

  -- The fixture has booked 0800 to 0830 and an event from 1100 to 1200.
  before_each(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  end)
  after_each(function()
    assert.same({}, database.query(INVARIANTS))
    database.drop()
  end)

  it("is created with its snapshot, event, audit row and agenda", function()
    local before = psql.value(database.url, [[SELECT "version" FROM "ProviderAgenda"]])
    local made = book("0930long", { id = "b", actor = "user", notes = "a 'quoted' note", reference = "0123WXYZ",
      address = "192.0.2.7", agent = "curl/8", request = "r1" })
    assert.equal("created", made.outcome)
    assert.equal("b", made.booking_id)
    local row = database.query [[SELECT * FROM "Booking" WHERE "id" = 'b']][1]
    assert.equal("0930long", row.slotId)
    assert.equal("provider long config60 location 900.00 user patient CONFIRMED",
      ("%s %s %s %s %s %s %s %s"):format(row.providerId, row.serviceId, row.serviceConfigId, row.locationId, row.price,
        row.createdById, row.clientId, row.status))
    assert.equal("2100-01-04 09:30:00+00", row.startTime)
    assert.equal("2100-01-04 10:30:00+00", row.endTime)
    assert.equal("0123WXYZ", row.reference)
    assert.equal("booking.created", psql.value(database.url, [[SELECT "type" FROM "Outbox" WHERE "resourceId" = 'b']]))
    assert.equal("BOOKING_CREATED user 192.0.2.7 curl/8 r1", psql.value(database.url,
      [[SELECT concat_ws(' ', "action", "userId", "ipAddress", "userAgent", "requestId") FROM "AuditLog"
         WHERE "resourceId" = 'b']]))
    assert.equal(tonumber(before) + 1, tonumber(psql.value(database.url, [[SELECT "version" FROM "ProviderAgenda"]])))
  end)

  it("answers with the booking as the API shows it and no secret", function()
    local made = book("0930", { id = "b", guest = "Lerato Mokoena" })
    assert.matches('^{"id":"b","reference":"%w+","status":"CONFIRMED","slotId":"0930","providerId":"provider"',
      made.answer)
    assert.matches('"startTime":"2100-01-04T09:30:00.000Z","endTime":"2100-01-04T10:00:00.000Z","price":"450.00"',
      made.answer, 1, true)
    assert.matches('"guestName":"Lerato Mokoena","guestEmail":"guest@example.org"', made.answer, 1, true)
    assert.is_nil(made.answer:lower():find("token", 1, true))
  end)

  it("waits for a confirmation where the availability wants one", function()
    psql.run(database.url, [[UPDATE "Availability" SET "requiresConfirmation" = true]])
    assert.matches('"status":"PENDING"', book("0930").answer, 1, true)
    assert.equal("BOOKED", status_of "0930")
  end)

  it("makes every slot that overlaps invalid and no other", function()
    book "0930long"
    for slot, status in pairs { ["0900"] = "AVAILABLE", ["0900long"] = "INVALID", ["0930"] = "INVALID",
                                ["0930long"] = "BOOKED", ["1000"] = "INVALID", ["1000long"] = "INVALID",
                                ["1030"] = "AVAILABLE", ["1030long"] = "BLOCKED" } do
      assert.equal(status, status_of(slot), slot)
    end
  end)

  it("keeps its buffers free", function()
    psql.run(database.url, [[UPDATE "ServiceAvailabilityConfig" SET "bufferBefore" = 10, "bufferAfter" = 40]])
    book "0930"
    for slot, status in pairs { ["0830"] = "INVALID", ["0900"] = "INVALID", ["1000"] = "INVALID",
                                ["1030"] = "INVALID", ["1100"] = "BLOCKED" } do
      assert.equal(status, status_of(slot), slot)
    end
  end)

  it("goes ahead with whatever answers of its provider, as long as the provider is said to comply", function()
    psql.run(database.url, [[UPDATE "RequirementSubmission" SET "status" = 'REJECTED', "expiresAt" = '2000-01-01']])
    assert.equal("created", book("0930").outcome)
    psql.run(database.url, [[UPDATE "RequirementSubmission"
      SET "status" = 'APPROVED', "expiresAt" = '2100-12-31 22:00Z']]) -- as its provider is said to comply
  end)

  it("is one too many when as many lie ahead as may, not counting what is over, cancelled or another's", function()
    assert.equal("person_full", book("0930", { of_person = 1 }).outcome)
    assert.equal("created", book("0930", { of_person = 2, of_provider = 2 }).outcome)
    assert.equal("created", book("1000", { of_person = 1, guest = "Guest" }).outcome)
    assert.equal("provider_full", book("1030", { of_provider = 3 }).outcome)
    cancel "booking"
    assert.equal("person_full", book("1030", { of_person = 1, of_provider = 3 }).outcome)
    psql.run(database.url, [[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE
      AS $$SELECT timestamptz '2100-01-04 09:30Z'$$]])
    assert.equal("created", book("1030", { of_person = 1, of_provider = 2 }).outcome)
  end)

  it("is made by whoever holds the slot", function()
    psql.run(database.url, [[UPDATE "SlotHold" SET "expiresAt" = '2100-01-01']])
    assert.equal("created", book("0930", { holder = "somebody" }).outcome)
  end)

  describe("sent again", function()
    it("with its key has the same bytes and no second effect", function()
      local first, again = book("0930", { key = "k1" }), book("0930", { key = "k1" })
      assert.equal("replayed", again.outcome)
      assert.equal(first.answer, again.answer)
      assert.equal(first.booking_id, again.booking_id)
    end)

    it("with its key and another request is a mismatch, for a guest too; another caller's key is another", function()
      book("0930", { key = "k1", hash = "h1", actor = "user" })
      assert.equal("idempotency_mismatch", book("1000", { key = "k1", hash = "h2", actor = "user" }).outcome)
      assert.equal("created", book("1000", { key = "k1", hash = "h2", actor = "patient" }).outcome)
      assert.equal("created", book("1030", { key = "k1", hash = "h2", guest = "Guest" }).outcome)
      assert.equal("idempotency_mismatch", book("0900", { key = "k1", hash = "h3", guest = "Guest" }).outcome)
      assert.equal("AVAILABLE", status_of "0900")
    end)

    it("with a key of yesterday is a new call", function()
      local made = book("0930", { key = "k1" })
      psql.run(database.url, [[UPDATE "IdempotencyKey" SET "createdAt" = now() - interval '25 hours']])
      assert.equal("slot_taken", book("0930", { key = "k1" }).outcome)
      cancel(made.booking_id)
      assert.equal("created", book("0930", { key = "k1" }).outcome)
    end)

    it("without a key but with its id is recognised", function()
      local first, again = book("0930", { id = "b" }), book("0930", { id = "b" })
      assert.equal("replayed", again.outcome)
      assert.equal(first.answer, again.answer)
    end)

    it("with its id after it was cancelled violates the id's constraint and takes nothing", function()
      book("0930", { id = "b" })
      cancel "b"
      assert.matches("^23505.*Booking_pkey", psql.refusal(database.url, book_sql("0930", { id = "b" })))
      assert.equal("AVAILABLE", status_of "0930")
    end)
  end)

  describe("cancelled", function()
    it("lets go of its slot and keeps what it was", function()
      local done = cancel("booking", { version = 1, actor = "patient", reason = "ill" })
      assert.equal("moved CANCELLED", done.outcome .. " " .. done.status)
      assert.equal("2", done.booking_version)
      local row = database.query [[SELECT * FROM "Booking" WHERE "id" = 'booking']][1]
      assert.is_nil(row.slotId)
      assert.equal("CANCELLED cancelled_by_patient ill patient 2100-01-04 08:00:00+00", ("%s %s %s %s %s"):format(
        row.status, row.reasonCode, row.cancelReason, row.cancelledById, row.startTime))
      assert.equal("AVAILABLE", status_of "0800")
      assert.equal("AVAILABLE", status_of "0800long")
      assert.equal("created", book("0800long").outcome)
    end)

    it("restores only what nothing else covers", function()
      book("0900", { id = "b" })
      psql.run(database.url, [[UPDATE "CalendarEvent" SET "startTime" = '2100-01-04 09:00Z';
        SELECT mb_refresh('provider', '2100-01-04', '2100-01-05')]])
      assert.equal("BOOKED", status_of "0900")
      cancel "b"
      assert.equal("BLOCKED", status_of "0900")
      assert.equal("AVAILABLE", status_of "0830")
    end)

    it("twice is refused, and with its key replayed", function()
      local first, again = cancel("booking", { key = "k" }), cancel("booking", { key = "k" })
      assert.equal("moved", first.outcome)
      assert.equal("replayed", again.outcome)
      assert.equal(first.answer, again.answer)
      local third = cancel "booking"
      assert.equal("transition_not_allowed CANCELLED", third.outcome .. " " .. third.status)
    end)

    it("leaves one line of history", function()
      cancel("booking", { actor = "patient" })
      cancel("booking", { actor = "doctor" })
      assert.same({ { action = "cancel", fromStatus = "CONFIRMED", toStatus = "CANCELLED", userId = "patient",
                      reasonCode = "cancelled_by_patient" } },
        database.query [[SELECT "action", "fromStatus", "toStatus", "userId", "reasonCode" FROM "StatusHistory"
          WHERE "resourceId" = 'booking']])
    end)

    it("is refused for another version, too late, when it is over, and when there is none", function()
      assert.equal("version_mismatch", cancel("booking", { version = 2 }).outcome)
      assert.equal("too_late", cancel("booking", { closes = { of = "endTime", plus = "-100 years" } }).outcome)
      assert.equal("booking_not_found", cancel("nowhere").outcome)
      psql.run(database.url, [[UPDATE "Booking" SET "status" = 'COMPLETED']])
      assert.equal("transition_not_allowed", cancel("booking").outcome)
      psql.run(database.url, [[UPDATE "Booking" SET "status" = 'CONFIRMED']])
    end)
  end)

  describe("moved along its workflow", function()
    it("is confirmed by whom and when, and keeps its slot", function()
      psql.run(database.url, [[UPDATE "Availability" SET "requiresConfirmation" = true]])
      book("0930", { id = "b" })
      assert.equal("moved CONFIRMED", ("%s %s"):format(move("confirm", "b", { actor = "doctor" }).outcome,
        psql.value(database.url, [[SELECT "status" FROM "Booking" WHERE "id" = 'b']])))
      assert.equal("doctor t 0930 2", psql.value(database.url, [[SELECT concat_ws(' ', "confirmedById",
        "confirmedAt" IS NOT NULL, "slotId", "version") FROM "Booking" WHERE "id" = 'b']]))
      assert.equal("BOOKED", status_of "0930")
      assert.equal("booking.created booking.confirmed", psql.value(database.url,
        [[SELECT string_agg("type", ' ' ORDER BY "id") FROM "Outbox" WHERE "resourceId" = 'b']]))
    end)

    it("is not over before it has begun", function()
      assert.equal("too_early", move("complete", "booking", { opens = { of = "startTime" } }).outcome)
      psql.run(database.url, [[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS $$SELECT timestamptz '2100-01-04 08:00Z'$$]])
      assert.equal("moved", move("complete", "booking", { opens = { of = "startTime" } }).outcome)
      assert.equal("transition_not_allowed COMPLETED", ("%s %s"):format(cancel("booking").outcome,
        cancel("booking").status))
    end)
  end)
end)

describe("a booking is refused with", function()
  local database
  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  end)

  -- The outcome after this preparation, all of it rolled back; nothing may have been written.
  local function refused(outcome, slot, with, preparation)
    local rows = [[(SELECT count(*) FROM "Booking") + (SELECT count(*) FROM "Outbox")
      + (SELECT count(*) FROM "AuditLog") + (SELECT count(*) FROM "IdempotencyKey")
      + (SELECT sum("version") FROM "CalculatedAvailabilitySlot")]]
    local found = database.query(([[
      BEGIN; %s;
      CREATE TEMPORARY TABLE was ON COMMIT DROP AS SELECT %s AS rows;
      CREATE TEMPORARY TABLE answer ON COMMIT DROP AS %s;
      SELECT answer.*, %s - was.rows AS written FROM answer, was;
      ROLLBACK;]]):format(preparation or "", rows, book_sql(slot, with), rows))[1]
    assert.same({ outcome = outcome, written = "0" }, found)
  end

  it("slot_not_found when there is none", function() refused("slot_not_found", "nowhere") end)
  it("slot_taken when it is booked", function() refused("slot_taken", "0800", { key = "k2" }) end)
  it("slot_overlapped when another booking covers it", function() refused("slot_overlapped", "0800long") end)
  it("person_full when as many of this person lie ahead as may", function()
    refused("person_full", "0930", { of_person = 1 })
  end)
  it("provider_full when as many of the provider lie ahead as may", function()
    refused("provider_full", "0930", { of_provider = 1, of_person = 1 })
  end)
  it("slot_blocked when an event covers it", function() refused("slot_blocked", "1100") end)
  it("mode_required when both are offered", function() refused("mode_required", "0930long", { online = "any" }) end)
  it("mode_unavailable when it is not offered that way", function()
    refused("mode_unavailable", "0930", { online = true })
  end)
  it("client_not_found when there is no such user", function()
    refused("client_not_found", "0930", { client = "nobody" })
  end)
  it("slot_past when it has begun", function()
    refused("slot_past", "0930", {}, [[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE
      AS $$SELECT timestamptz '2100-01-04 09:30Z'$$]])
  end)
  it("slot_held when somebody else holds a time it overlaps", function()
    refused("slot_held", "0900long", { key = "k2" }, [[UPDATE "SlotHold" SET "expiresAt" = '2100-01-01']])
  end)

  for _, status in ipairs { "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL_EXPIRED", "PAYMENT_OVERDUE",
                            "SUSPENDED", "CANCELLED" } do
    it("not_bookable when the provider is " .. status, function()
      refused("not_bookable", "0930", { key = "k2" }, statuses.sql("ACTIVE", status))
    end)
  end
  for why, sql in pairs {
    ["a required document has lapsed"] = [[UPDATE "Provider" SET "compliantUntil" = '2000-01-01']],
    ["what is asked was never there"] = [[UPDATE "Provider" SET "compliantUntil" = NULL]],
    ["the availability is not accepted"] = [[UPDATE "Availability" SET "status" = 'PENDING']],
    ["the organization is suspended"] = [[UPDATE "Organization" SET "status" = 'SUSPENDED']],
    ["its connection is suspended"] = [[UPDATE "OrganizationProviderConnection" SET "status" = 'SUSPENDED']],
  } do
    it("not_bookable when " .. why, function() refused("not_bookable", "0930", { key = "k2" }, sql) end)
  end
end)

-- Past every check a constraint refuses, under the name that lua/workflows/booking.lua looks for.
describe("a booking violates", function()
  local database
  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.run(database.url, [[UPDATE "CalculatedAvailabilitySlot" SET "status" = 'AVAILABLE']])
  end)

  local function violates(constraint, slot, with)
    assert.matches("^23.*" .. constraint, psql.refusal(database.url, book_sql(slot, with)))
    assert.equal("1", psql.value(database.url, [[SELECT count(*) FROM "Booking"]]))
  end

  it("that of the slot when only it knows that the slot is booked", function()
    violates("Booking_slotId_key", "0800")
  end)
  it("that of the time when only it knows that the time is gone", function()
    violates("Booking_providerId_startTime_endTime_excl", "0800long")
  end)
  it("that of the reference when another booking has it", function()
    violates("Booking_reference_key", "1000", { reference = "B00K1NG0" })
  end)
end)

describe("many sessions on one timeline", function()
  local database

  -- Runs scripts (text -> weight) from `clients` sessions, `rounds` transactions each.
  local function pgbench(clients, rounds, scripts)
    local argv = { "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 2, "-t", rounds }
    for text, weight in pairs(scripts) do
      argv[#argv + 1] = "-f"
      argv[#argv + 1] = ("%s@%d"):format(temp.file("script.sql", text), weight)
    end
    argv[#argv + 1] = database.url
    for i, word in ipairs(argv) do argv[i] = tostring(word) end
    local result = process.check(argv, { cwd = "/", within = 120 })
    assert.equal(clients * rounds, tonumber(result.out:match "actually processed: (%d+)"))
    assert.matches("failed transactions: 0 ", result.out, 1, true)
  end

  -- As many slots as there are, in an order that all sessions share; `slot` picks one by :n.
  local function number_slots()
    psql.run(database.url, [[
      CREATE TABLE numbered (n serial PRIMARY KEY, id text); GRANT SELECT ON numbered TO PUBLIC;
      INSERT INTO numbered (id) SELECT "id" FROM "CalculatedAvailabilitySlot" ORDER BY "id"]])
    return tonumber(psql.value(database.url, "SELECT count(*) FROM numbered"))
  end

  local BOOK <const> = [[
\set n random(1, %d)
SELECT outcome FROM mb_book(jsonb_build_object(
  'slotId', (SELECT id FROM numbered WHERE n = :n), 'bookingId', mb_cuid(),
  'reference', substr(md5(random()::text), 1, 8), 'guestName', 'Guest', 'guestEmail', 'g@example.org',
  'isOnline', false));
]]
  local CANCEL <const> = [[
SELECT outcome FROM mb_move_booking(jsonb_build_object(
  'bookingId', (SELECT "id" FROM "Booking" WHERE "status" <> 'CANCELLED' ORDER BY random() LIMIT 1),
  'action', 'cancel', 'fromStatuses', '["PENDING","CONFIRMED"]'::jsonb, 'toStatus', 'CANCELLED', 'event', 'cancelled',
  'reasonCode', 'cancelled_by_patient'));
]]

  local function deadlocks()
    psql.run(database.url, "SELECT pg_stat_force_next_flush()")
    return psql.value(database.url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
  end

  before_each(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  end)

  it("book one slot once", function()
    psql.run(database.url, [[CREATE TABLE numbered AS SELECT 1 AS n, '0930' AS id]])
    pgbench(40, 5, { [BOOK:format(1)] = 1 })
    assert.equal("1", psql.value(database.url, [[SELECT count(*) FROM "Booking" WHERE "slotId" = '0930']]))
    assert.same({}, database.query(INVARIANTS))
    assert.equal("0", deadlocks())
  end)

  it("book no two overlapping times", function()
    pgbench(40, 10, { [BOOK:format(number_slots())] = 1 })
    assert.same({}, database.query(INVARIANTS))
    assert.equal("0", deadlocks())
    -- What is left can be booked by nobody: the time is full.
    assert.equal("0", psql.value(database.url,
      [[SELECT count(*) FROM "CalculatedAvailabilitySlot" WHERE "status" = 'AVAILABLE']]))
  end)

  it("book and cancel for as long as they like", function()
    pgbench(40, 25, { [BOOK:format(number_slots())] = 3, [CANCEL] = 2 })
    assert.same({}, database.query(INVARIANTS))
    assert.equal("0", deadlocks())
    assert.is_true(tonumber(psql.value(database.url,
      [[SELECT count(*) FROM "Booking" WHERE "status" = 'CANCELLED']])) > 20)
  end)

  it("make one booking of one key", function()
    psql.run(database.url, [[CREATE TABLE numbered AS SELECT 1 AS n, '0930' AS id]])
    local keyed = BOOK:format(1):gsub("'isOnline', false",
      "%0, 'key', 'key', 'hash', 'hash 2', 'route', 'POST /v1/bookings', 'answerStatus', 201")
    pgbench(40, 5, { [keyed] = 1 })
    assert.equal("1", psql.value(database.url, [[SELECT count(*) FROM "Booking" WHERE "slotId" = '0930']]))
    assert.equal("1", psql.value(database.url,
      [[SELECT count(*) FROM "IdempotencyKey" WHERE "requestHash" = 'hash 2']]))
    assert.same({}, database.query(INVARIANTS))
  end)
end)
