-- Bookings along their workflow over HTTP: every step, who may take it, what it leaves behind; two who
-- decide at once; and every workflow's states against the database's own.

package.path = "lua/?.lua;" .. package.path

local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local ROUNDS <const> = 20

-- Everybody's token is their id.
local PEOPLE <const> = [[
INSERT INTO "User" ("id", "role") VALUES ('stranger', 'USER'), ('clerk', 'USER');
INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role", "permissions")
VALUES ('clerk', 'org', 'clerk', 'STAFF', '{MANAGE_BOOKINGS}');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User";
UPDATE "Availability" SET "requiresConfirmation" = true]]

describe("a booking's workflow", function()
  local app, database

  local function value(sql) return psql.value(database.url, sql) end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run(PEOPLE)
    -- The clock goes to 2100, where jobs would find much to clean up.
    app = server.start { database = database, workers = 2, env = { MEDBOOKD_JOBS_CONCURRENCY = "0" } }
  end)
  after_each(function()
    assert.same({}, database.query(paths.read "tests/invariants.sql"))
    database.run [[SELECT mb_move_booking(jsonb_build_object('bookingId', "id", 'action', 'cancel',
      'event', 'cancelled', 'fromStatuses', '["PENDING", "CONFIRMED"]'::jsonb, 'toStatus', 'CANCELLED',
      'reasonCode', 'x')) FROM "Booking" WHERE "status" IN ('PENDING', 'CONFIRMED')]]
  end)

  -- Sets the database's clock, SQL; it goes again when the test ends.
  local function clock(at)
    local function set(sql)
      database.run("CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$" .. sql .. "$$")
    end
    database.run [[UPDATE "Session" SET "expiresAt" = '2200-01-01']]
    set("SELECT timestamptz '" .. at .. "'")
    finally(function() set "SELECT clock_timestamp()" end)
  end

  -- A new booking of the patient in this status, which the clock makes one of now or of 2100.
  local function new(status, has_begun)
    local id = psql.value(database.url, [[SELECT booking_id FROM mb_book(jsonb_build_object(
      'slotId', (SELECT "id" FROM "CalculatedAvailabilitySlot"
                  WHERE "status" = 'AVAILABLE' AND "id" LIKE '%0' ORDER BY "id" LIMIT 1),
      'bookingId', mb_cuid(), 'reference', substr(md5(random()::text), 1, 8), 'clientId', 'patient',
      'isOnline', false))]])
    assert.is_truthy(id, "no slot is left")
    if status == "CONFIRMED" then
      local change = [[UPDATE "Booking" SET "status" = 'CONFIRMED', "confirmedAt" = now() WHERE "id" = '%s']]
      database.run(change:format(id))
    end
    if has_begun then clock "2100-01-04 13:00Z" end
    return id
  end

  local function act(id, action, who, options)
    options = options or {}
    options.headers = options.headers or {}
    options.headers.Authorization = "Bearer " .. who
    return app:request("POST", ("/v1/bookings/%s/%s"):format(id, action), options)
  end

  local function is_refused(r, status, code)
    assert.equal(("%d %s"):format(status, code), ("%d %s"):format(r.status, tostring((r.json or {}).code)), r.body)
  end

  -- What a step left in the journals: history, event, audit.
  local function trace(id)
    return value(([[SELECT concat_ws(' ', h."action", h."fromStatus", h."toStatus", h."userId", h."reasonCode",
        (SELECT o."type" FROM "Outbox" o WHERE o."resourceId" = '%s' ORDER BY o."id" DESC LIMIT 1),
        (SELECT a."action" FROM "AuditLog" a WHERE a."resourceId" = '%s' ORDER BY a."id" DESC LIMIT 1))
      FROM "StatusHistory" h WHERE h."resourceId" = '%s']]):format(id, id, id))
  end

  for _, case in ipairs {
    { "PENDING", "confirm", "doctor", "confirm PENDING CONFIRMED doctor booking.confirmed BOOKING_CONFIRMED" },
    { "PENDING", "decline", "clerk",
      "decline PENDING CANCELLED clerk declined_by_provider booking.declined BOOKING_DECLINED" },
    { "PENDING", "cancel", "patient",
      "cancel PENDING CANCELLED patient cancelled_by_patient booking.cancelled BOOKING_CANCELLED" },
    { "CONFIRMED", "cancel", "doctor",
      "cancel CONFIRMED CANCELLED doctor cancelled_by_provider booking.cancelled BOOKING_CANCELLED" },
    { "CONFIRMED", "complete", "doctor",
      "complete CONFIRMED COMPLETED doctor booking.completed BOOKING_COMPLETED", true },
    { "CONFIRMED", "no-show", "clerk", "no_show CONFIRMED NO_SHOW clerk booking.missed BOOKING_MISSED", true },
  } do
    local status, action, who, left, has_begun = table.unpack(case, 1, 5)
    it(("lets %s %s one that is %s"):format(who, action, status), function()
      local id = new(status, has_begun)
      local r = act(id, action, who)
      assert.equal(200, r.status, r.body)
      assert.equal('"2"', r.headers.etag)
      assert.equal(left, trace(id))
      assert.equal(r.json.status, value(([[SELECT "status" FROM "Booking" WHERE "id" = '%s']]):format(id)))
    end)
  end

  it("keeps strangers from a booking and patients from deciding for the clinic", function()
    local id = new "PENDING"
    for _, action in ipairs { "confirm", "decline", "complete", "no-show" } do
      is_refused(act(id, action, "patient"), 403, "not_allowed")
      is_refused(act(id, action, "stranger"), 404, "not_found")
    end
    is_refused(act(id, "cancel", "stranger"), 404, "not_found")
    assert.equal("0", value(([[SELECT count(*) FROM "StatusHistory" WHERE "resourceId" = '%s']]):format(id)))
  end)

  it("answers a step that the status does not allow with the status and what the caller may do", function()
    local id = new "PENDING"
    local r = act(id, "complete", "doctor")
    is_refused(r, 409, "transition_not_allowed")
    assert.equal("application/problem+json", r.headers["content-type"])
    assert.equal("PENDING", r.json.currentStatus)
    assert.same({ "confirm", "decline", "cancel" }, r.json.allowed)
    assert.equal(200, act(id, "confirm", "doctor").status)
    local again = act(id, "confirm", "doctor")
    is_refused(again, 409, "already_confirmed")
    assert.same({ "cancel", "complete", "no_show" }, again.json.allowed)
    assert.equal(200, act(id, "cancel", "patient").status)
    local over = act(id, "cancel", "patient")
    is_refused(over, 409, "already_cancelled")
    assert.equal("CANCELLED", over.json.currentStatus)
    assert.matches('"allowed":[]', over.body, 1, true)
  end)

  -- From a status: action and who, and from and until when, as SQL of the booking's columns.
  for _, case in ipairs {
    { "PENDING", "confirm", "doctor", nil, '"startTime"' },
    { "PENDING", "decline", "clerk", nil, '"startTime"' },
    { "CONFIRMED", "cancel", "patient", nil, [["startTime" - interval '2 hours']] },
    { "CONFIRMED", "cancel", "doctor", nil, '"endTime"' },
    { "CONFIRMED", "complete", "doctor", '"startTime"', [["endTime" + interval '30 days']] },
    { "CONFIRMED", "no-show", "clerk", '"startTime"', [["endTime" + interval '30 days']] },
  } do
    local status, action, who, opens, closes = table.unpack(case, 1, 5)
    it(("says from and until when %s may %s"):format(who, action), function()
      local id = new(status)
      local function at(sql)
        return value(([[SELECT mb_instant(%s) FROM "Booking" WHERE "id" = '%s']]):format(sql, id))
      end
      clock(at(closes .. " + interval '1 ms'"))
      local late = act(id, action, who)
      is_refused(late, 409, "too_late")
      assert.equal(at(closes), late.json["until"])
      assert.matches(at(closes), late.json.detail, 1, true)
      if opens then
        clock(at(opens .. " - interval '1 ms'"))
        local early = act(id, action, who)
        is_refused(early, 409, "too_early")
        assert.equal(at(opens), early.json.from)
      end
      clock(at(opens or closes))
      assert.equal(200, act(id, action, who).status)
    end)
  end

  it("repeats its answer for the same key, and minds the version", function()
    local id = new "PENDING"
    is_refused(act(id, "confirm", "doctor", { headers = { ["If-Match"] = '"7"' } }), 412, "version_mismatch")
    local first = act(id, "confirm", "doctor", { headers = { ["Idempotency-Key"] = "c1" } })
    local again = act(id, "confirm", "doctor", { headers = { ["Idempotency-Key"] = "c1" } })
    assert.equal(200, again.status)
    assert.equal(first.body, again.body)
    is_refused(act(id, "confirm", "doctor", { body = { reason = "x" } }), 422, "validation_failed")
    assert.equal(200, act(id, "cancel", "doctor", { body = { reason = "ill" } }).status)
    assert.equal("ill", value(([[SELECT "cancelReason" FROM "Booking" WHERE "id" = '%s']]):format(id)))
  end)

  it("lets one of two win who decide at once, and tells the other", function()
    for round = 1, ROUNDS do
      local id = new "PENDING"
      local connections, seen, codes = {}, {}, {}
      for i, action in ipairs { "confirm", "decline", "confirm", "decline" } do
        connections[i] = app:connect()
        connections[i].request = ("POST /v1/bookings/%s/%s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer doctor\r\n"
          .. "Content-Length: 0\r\n\r\n"):format(id, action)
      end
      for _, c in ipairs(connections) do c:send(c.request) end
      for _, c in ipairs(connections) do
        local r = assert(c:read "POST")
        seen[r.status] = (seen[r.status] or 0) + 1
        if r.status == 409 then codes[#codes + 1] = r.body:match '"code":"([%w_]+)"' end
        c:close()
      end
      assert.same({ [200] = 1, [409] = 3 }, seen, "round " .. round)
      for _, code in ipairs(codes) do
        assert.is_truthy(({ already_confirmed = 1, already_cancelled = 1, transition_not_allowed = 1 })[code], code)
      end
      assert.equal("1", value(([[SELECT count(*) FROM "StatusHistory" WHERE "resourceId" = '%s']]):format(id)))
      if value(([[SELECT "status" FROM "Booking" WHERE "id" = '%s']]):format(id)) == "CONFIRMED" then
        assert.equal(200, act(id, "cancel", "doctor").status)
      end
    end
  end)
end)

describe("the states of each workflow", function()
  local database
  setup(function() database = cluster.fresh "schema" end)

  for _, name in ipairs(native.list "lua/workflows/states") do
    it("are those of the database: " .. name, function()
      local machine = require("workflows.states." .. name:gsub("%.lua$", ""))
      assert.equal(psql.value(database.url, ([[SELECT string_agg(v::text, ' ' ORDER BY v)
        FROM unnest(enum_range(NULL::"%s")) v]]):format(machine.enum)), table.concat(machine.states, " "))
    end)
  end
end)
