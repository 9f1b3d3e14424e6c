-- Bookings along their workflow over HTTP: every step, who may take it, what it leaves behind. Two who decide at
-- once: integration/race_spec.lua.

local domain = require "support.domain"
local paths = require "support.paths"
local test = require "medbookd.test"

-- Everybody's token is their id.
local PEOPLE <const> = [[
INSERT INTO "User" ("id", "role") VALUES ('stranger', 'USER'), ('clerk', 'USER');
INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role", "permissions")
VALUES ('clerk', 'org', 'clerk', 'STAFF', '{MANAGE_BOOKINGS}');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User";
UPDATE "Availability" SET "requiresConfirmation" = true WHERE "id" = 'availability']]

-- Of the column v; what follows is written into the text.
local function value(sql, ...) return (test.query(sql:format(...))[1] or {}).v end

describe("a booking's workflow", function()
  setup(function()
    domain.run(paths.read "tests/fixtures/one_of_each.sql")
    domain.run(PEOPLE)
  end)
  after_each(function() assert.same({}, domain.faults()) end)

  -- Stops the clock; sessions last.
  local function clock(at)
    test.query [[UPDATE "Session" SET "expiresAt" = '2200-01-01']]
    test.clock.set(at)
  end

  -- A new booking of the patient in this status, which the clock makes one of now or of 2100.
  local function new(status, has_begun)
    local id = value([[SELECT booking_id AS v FROM mb_book(jsonb_build_object(
      'slotId', (SELECT "id" FROM "CalculatedAvailabilitySlot"
                  WHERE "providerId" = 'provider' AND "status" = 'AVAILABLE' AND "id" LIKE '%%0' ORDER BY "id" LIMIT 1),
      'bookingId', mb_cuid(), 'reference', substr(md5(random()::text), 1, 8), 'clientId', 'patient',
      'isOnline', false))]])
    assert.is_truthy(id, "no slot is left")
    if status == "CONFIRMED" then
      local change = [[UPDATE "Booking" SET "status" = 'CONFIRMED', "confirmedAt" = now() WHERE "id" = '%s']]
      test.query(change:format(id))
    end
    if has_begun then clock "2100-01-04T13:00:00Z" end
    return id
  end

  local function act(id, action, who, options)
    options = options or {}
    options.token = who
    return test.request("POST", ("/v1/bookings/%s/%s"):format(id, action), options)
  end

  local function is_refused(r, status, code)
    assert.equal(("%d %s"):format(status, code), ("%d %s"):format(r.status, tostring(r.body.code)), r.text)
  end

  -- What a step left in the journals: history, event, audit.
  local function trace(id)
    return value([[SELECT concat_ws(' ', h."action", h."fromStatus", h."toStatus", h."userId", h."reasonCode",
        (SELECT o."type" FROM "Outbox" o WHERE o."resourceId" = '%s' ORDER BY o."id" DESC LIMIT 1),
        (SELECT a."action" FROM "AuditLog" a WHERE a."resourceId" = '%s' ORDER BY a."id" DESC LIMIT 1)) AS v
      FROM "StatusHistory" h WHERE h."resourceId" = '%s']], id, id, id)
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
      assert.equal(200, r.status, r.text)
      assert.equal('"2"', r.headers.etag)
      assert.equal(left, trace(id))
      assert.equal(r.body.status, value([[SELECT "status" AS v FROM "Booking" WHERE "id" = '%s']], id))
    end)
  end

  it("keeps strangers from a booking and patients from deciding for the clinic", function()
    local id = new "PENDING"
    for _, action in ipairs { "confirm", "decline", "complete", "no-show" } do
      is_refused(act(id, action, "patient"), 403, "not_allowed")
      is_refused(act(id, action, "stranger"), 404, "not_found")
    end
    is_refused(act(id, "cancel", "stranger"), 404, "not_found")
    assert.equal(0, value([[SELECT count(*) AS v FROM "StatusHistory" WHERE "resourceId" = '%s']], id))
  end)

  it("answers a step that the status does not allow with the status and what the caller may do", function()
    local id = new "PENDING"
    local r = act(id, "complete", "doctor")
    is_refused(r, 409, "transition_not_allowed")
    assert.equal("application/problem+json", r.headers["content-type"])
    assert.equal("PENDING", r.body.currentStatus)
    assert.same({ "confirm", "decline", "cancel" }, r.body.allowed)
    assert.equal(200, act(id, "confirm", "doctor").status)
    local again = act(id, "confirm", "doctor")
    is_refused(again, 409, "already_confirmed")
    assert.same({ "cancel", "complete", "no_show" }, again.body.allowed)
    assert.equal(200, act(id, "cancel", "patient").status)
    local over = act(id, "cancel", "patient")
    is_refused(over, 409, "already_cancelled")
    assert.equal("CANCELLED", over.body.currentStatus)
    assert.matches('"allowed":[]', over.text, 1, true)
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
        return value([[SELECT mb_instant(%s) AS v FROM "Booking" WHERE "id" = '%s']], sql, id)
      end
      clock(at(closes .. " + interval '1 ms'"))
      local late = act(id, action, who)
      is_refused(late, 409, "too_late")
      assert.equal(at(closes), late.body["until"])
      assert.matches(at(closes), late.body.detail, 1, true)
      if opens then
        clock(at(opens .. " - interval '1 ms'"))
        local early = act(id, action, who)
        is_refused(early, 409, "too_early")
        assert.equal(at(opens), early.body.from)
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
    assert.equal(first.text, again.text)
    is_refused(act(id, "confirm", "doctor", { body = { reason = "x" } }), 422, "validation_failed")
    assert.equal(200, act(id, "cancel", "doctor", { body = { reason = "ill" } }).status)
    assert.equal("ill", value([[SELECT "cancelReason" AS v FROM "Booking" WHERE "id" = '%s']], id))
  end)
end)
