-- The main job over REST, as a booking site does it: find providers and free slots, book one, look
-- at it, cancel it; every refusal with its stable code. What bookings meet of others: integration/race_spec.lua.
local domain = require "support.domain"
local test = require "medbookd.test"

describe("the booking API", function()
  local function get(target, token) return test.get(target, { token = token }) end

  local function post(target, body, headers) return test.post(target, body, { headers = headers }) end

  local function value(sql) return (test.query(sql)[1] or {}).v end

  -- A free slot of a provider who has nothing booked or blocked yet, so that tests do not meet.
  local used = {}
  before_each(function() used = {} end)

  local function free_slot(where)
    local rows = test.query([[
      SELECT DISTINCT ON (s."providerId") s."id", s."providerId" AS provider, s."startTime" AS start
        FROM "CalculatedAvailabilitySlot" s
        JOIN "Availability" a ON a."id" = s."availabilityId"
        JOIN "Provider" p ON p."id" = s."providerId"
       WHERE s."status" = 'AVAILABLE' AND s."startTime" > now() + interval '3 days' AND NOT a."requiresConfirmation"
         AND p."status" IN ('TRIAL', 'ACTIVE') AND p."showPrice" AND s."isOnlineAvailable" <> s."isInPerson"
         AND NOT EXISTS (SELECT FROM "Booking" b WHERE b."providerId" = s."providerId")
         AND ]] .. (where or "true") .. [[ ORDER BY s."providerId", s."startTime", s."id"]])
    for _, row in ipairs(rows) do
      if not used[row.provider] then
        used[row.provider] = true
        return row
      end
    end
    error "the demo clinic has no untouched provider left"
  end

  -- Each slot has a guest of its own: one person has few bookings ahead.
  local function guest(slot, more)
    local id = slot.id or slot
    local body = { slotId = id, guestName = "Thandi Mokoena", guestEmail = id:lower() .. "@example.org" }
    for k, v in pairs(more or {}) do body[k] = v end
    return body
  end

  local function is_refused(r, status, code)
    assert.equal(status, r.status, r.text)
    assert.equal("application/problem+json", r.headers["content-type"])
    assert.equal(code, r.body.code)
    assert.equal(r.headers["x-request-id"], r.body.requestId)
  end

  after_each(function()
    assert.same({}, domain.faults())
  end)

  describe("finding a provider", function()
    it("lists bookable ones with their next free slot, page by page, each once", function()
      local seen, count, cursor = {}, 0, nil
      local free = [[SELECT s."id", mb_instant(s."startTime") AS start FROM "CalculatedAvailabilitySlot" s
        JOIN mb_availability_standing() a ON a."id" = s."availabilityId" AND a.is_open
        WHERE s."providerId" = '%s' AND s."status" = 'AVAILABLE' AND s."startTime" > now()
        ORDER BY s."startTime", s."id" LIMIT 1]]
      repeat
        local r = get("/v1/providers?limit=7" .. (cursor and "&cursor=" .. cursor or ""))
        assert.equal(200, r.status, r.text)
        for _, p in ipairs(r.body.data) do
          assert.is_nil(seen[p.id])
          seen[p.id], count = true, count + 1
          local next_slot = assert(test.query(free:format(p.id))[1], p.id)
          assert.equal(next_slot.id, p.nextSlotId)
          assert.equal(next_slot.start, p.nextSlotAt)
          assert.is_true(#p.types > 0)
        end
        cursor = type(r.body.nextCursor) == "string" and r.body.nextCursor
      until not cursor
      assert.equal(40, count)
    end)

    it("filters by type, service, place, language and way of meeting", function()
      local config = [[EXISTS (SELECT FROM "ServiceAvailabilityConfig" c WHERE c."providerId" = p."id" AND %s)]]
      local place = [[c."locationId" IN (SELECT "id" FROM "Location" WHERE "formattedAddress" LIKE '%Durban%')]]
      local service = test.query [[SELECT c."serviceId" AS id FROM "ServiceAvailabilityConfig" c
        GROUP BY 1 HAVING count(DISTINCT c."providerId") BETWEEN 2 AND 30 ORDER BY 1 LIMIT 1]][1].id
      local wanted = {
        ["type=Dentist"] = [[EXISTS (SELECT FROM "ProviderTypeAssignment" a JOIN "ProviderType" t
          ON t."id" = a."providerTypeId" WHERE a."providerId" = p."id" AND t."name" = 'Dentist')]],
        ["service=" .. service] = config:format(([[c."serviceId" = '%s']]):format(service)),
        ["location=durban"] = (config:gsub("%%s", (place:gsub("%%", "%%%%")))),
        ["language=IsiZulu"] = [['IsiZulu' = ANY (p."languages")]],
        ["online=true"] = config:format [[c."isOnlineAvailable"]],
      }
      for filter, condition in pairs(wanted) do
        local expected, found = {}, {}
        for i, p in ipairs(test.query([[SELECT p."id" FROM "Provider" p JOIN mb_provider_standing() ps
          ON ps."id" = p."id" AND ps.is_open WHERE ]] .. condition .. [[ ORDER BY p."name", p."id"]])) do
          expected[i] = p.id
        end
        for i, p in ipairs(get("/v1/providers?limit=100&" .. filter).body.data) do found[i] = p.id end
        assert.is_true(#expected > 0 and #expected < 40, filter)
        assert.same(expected, found, filter)
      end
      for _, p in ipairs(get("/v1/providers?limit=100&language=IsiZulu").body.data) do
        assert.is_truthy(table.concat(p.languages, " "):find "IsiZulu")
      end
      assert.equal(0, #get("/v1/providers?service=none").body.data)
    end)

    it("names a next free slot at the place asked for", function()
      local case = free_slot [[s."locationId" IS NOT NULL]]
      local function shown()
        for _, p in ipairs(get("/v1/providers?limit=100&location=a").body.data) do
          if p.id == case.provider then return p.nextSlotId end
        end
      end
      local first = assert(shown())
      local of_slot = [[SELECT "locationId" AS v FROM "CalculatedAvailabilitySlot" WHERE "id" = '%s']]
      local place = value(of_slot:format(first))
      local move = [[UPDATE "CalculatedAvailabilitySlot" SET "locationId" = %s WHERE "id" = '%s']]
      test.query(move:format("NULL", first))
      local second = assert(shown())
      test.query(move:format("'" .. place .. "'", first))
      assert.are_not.equal(first, second)
      assert.equal(first, shown())
    end)

    it("shows one, never a provider who does not trade, never a placeholder", function()
      local id = get("/v1/providers?limit=1").body.data[1].id
      local r = get("/v1/providers/" .. id)
      assert.equal(200, r.status)
      assert.is_true(#r.body.services > 0)
      assert.is_nil(r.text:find("default@example.com", 1, true))
      local suspended = value [[SELECT "id" AS v FROM "Provider" WHERE "status" = 'SUSPENDED' LIMIT 1]]
      is_refused(get("/v1/providers/" .. suspended), 404, "not_found")
    end)

    it("hides every price of a provider with showPrice false", function()
      local slot = free_slot()
      test.query(([[UPDATE "Provider" SET "showPrice" = false WHERE "id" = '%s']]):format(slot.provider))
      local slots = get("/v1/slots?providerId=" .. slot.provider).body.data
      assert.is_true(#slots > 0)
      for _, s in ipairs(slots) do assert.equal(test.null, s.price) end
      local shown = get("/v1/providers/" .. slot.provider)
      for _, s in ipairs(shown.body.services) do assert.equal(test.null, s.price) end
    end)
  end)

  describe("finding a slot", function()
    it("pages in order of time without gap or repetition", function()
      local slot = free_slot()
      local all = get("/v1/slots?limit=100&providerId=" .. slot.provider).body.data
      local paged, cursor = {}, nil
      repeat
        local r = get("/v1/slots?limit=9&providerId=" .. slot.provider .. (cursor and "&cursor=" .. cursor or ""))
        for _, s in ipairs(r.body.data) do paged[#paged + 1] = s.id end
        cursor = type(r.body.nextCursor) == "string" and r.body.nextCursor
      until not cursor or #paged >= #all
      for i, s in ipairs(all) do
        assert.equal(s.id, paged[i])
        assert.is_true(i == 1 or all[i - 1].startTime <= s.startTime)
        assert.is_truthy(s.startTime:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:00%.000Z$")
      end
    end)

    it("keeps wholly inside the time asked for", function()
      local slot = free_slot()
      local first = get("/v1/slots?limit=1&providerId=" .. slot.provider).body.data[1]
      local target = "/v1/slots?providerId=%s&from=%s&to=%s"
      local r = get(target:format(slot.provider, first.startTime, first.endTime))
      for _, s in ipairs(r.body.data) do
        assert.is_true(s.startTime >= first.startTime and s.endTime <= first.endTime)
      end
      assert.is_true(#r.body.data >= 1)
    end)

    it("refuses a time that is reversed, too long or none, and a search of everything", function()
      local p = "providerId=x"
      for _, query in ipairs {
        p .. "&from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z",
        p .. "&from=2026-12-01T00:00:00Z&to=2027-12-01T00:00:00Z",
        p .. "&from=tomorrow", p .. "&from=2026-02-30T00:00:00Z", p .. "&limit=101", p .. "&limit=-1", "online=true",
      } do
        is_refused(get("/v1/slots?" .. query), 422, "validation_failed")
      end
      is_refused(get("/v1/slots?" .. p .. "&cursor=bm9uc2Vuc2U"), 400, "invalid_cursor")
      is_refused(get("/v1/slots?" .. p .. "&cursor=WyJub3ciLCJ4Il0"), 400, "invalid_cursor") -- ["now","x"]
    end)

    it("takes every instant of RFC 3339: fractions of any length, the end of the calendar", function()
      for _, from in ipairs { "2026-11-22T08:00:00." .. ("1"):rep(200) .. "Z", "9999-12-31T23:59:59Z" } do
        assert.equal(200, get("/v1/slots?providerId=x&from=" .. from).status)
      end
    end)
  end)

  describe("booking", function()
    it("answers 201 with the booking, its version, its place and a manage token", function()
      local slot = free_slot()
      local r = post("/v1/bookings", guest(slot))
      assert.equal(201, r.status, r.text)
      assert.equal('"1"', r.headers.etag)
      assert.equal("/v1/bookings/" .. r.body.id, r.headers.location)
      assert.equal("CONFIRMED", r.body.status)
      assert.is_truthy(r.body.reference:find "^[0-9A-HJKMNP-TV-Z]+$")
      assert.is_truthy(r.body.price:find "^%d+%.%d%d$")
      local seen = get("/v1/bookings/" .. r.body.id, r.body.manageToken)
      assert.equal(200, seen.status, seen.text)
      assert.equal(r.body.reference, seen.body.reference)
      assert.is_nil(seen.body.manageToken)
    end)

    it("takes the slot and every overlapping one out of the search, and cancelling brings them back", function()
      local slot = free_slot()
      local function ids()
        local list = {}
        for _, s in ipairs(get(("/v1/slots?limit=100&providerId=%s&to=%s"):format(slot.provider,
          os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + 5 * 86400))).body.data) do
          list[#list + 1] = s.id
        end
        return table.concat(list, " ")
      end
      local before = ids()
      local r = post("/v1/bookings", guest(slot))
      assert.equal(201, r.status)
      assert.is_nil(ids():find(slot.id, 1, true))
      local bearer = { Authorization = "Bearer " .. r.body.manageToken }
      local gone = post("/v1/bookings/" .. r.body.id .. "/cancel", nil, bearer)
      assert.equal(200, gone.status, gone.text)
      assert.equal("CANCELLED", gone.body.status)
      assert.equal('"2"', gone.headers.etag)
      assert.equal(before, ids())
      assert.equal(201, post("/v1/bookings", guest(slot)).status)
    end)

    it("waits for confirmation where the availability asks for it", function()
      local slot = test.query [[SELECT s."id" FROM "CalculatedAvailabilitySlot" s
        JOIN "Availability" a ON a."id" = s."availabilityId" JOIN "Provider" p ON p."id" = s."providerId"
        WHERE a."requiresConfirmation" AND s."status" = 'AVAILABLE' AND p."status" IN ('TRIAL', 'ACTIVE')
          AND s."startTime" > now() + interval '1 day' LIMIT 1]][1]
      local r = post("/v1/bookings", guest(slot))
      assert.equal(201, r.status, r.text)
      assert.equal("PENDING", r.body.status)
      is_refused(post("/v1/bookings", guest(slot)), 409, "slot_taken")
    end)

    it("repeats the answer byte for byte for the same Idempotency-Key, and books once", function()
      local slot = free_slot()
      local first = post("/v1/bookings", guest(slot), { ["Idempotency-Key"] = "again" })
      assert.equal(201, first.status, first.text)
      for _ = 1, 3 do
        local r = post("/v1/bookings", guest(slot), { ["Idempotency-Key"] = "again" })
        assert.equal(201, r.status)
        assert.equal(first.text, r.text)
        assert.equal(first.headers.etag, r.headers.etag)
      end
      local count = [[SELECT count(*) AS v FROM "Booking" WHERE "providerId" = '%s']]
      assert.equal(1, value(count:format(slot.provider)))
      is_refused(post("/v1/bookings", guest(slot), { ["Idempotency-Key"] = "a b" }), 400, "invalid_idempotency_key")
    end)

    it("says why not", function()
      local slot = free_slot()
      is_refused(post("/v1/bookings", guest "none"), 404, "slot_not_found")
      assert.equal(201, post("/v1/bookings", guest(slot)).status)
      is_refused(post("/v1/bookings", guest(slot)), 409, "slot_taken")
      local overlapped = value(([[SELECT "id" AS v FROM "CalculatedAvailabilitySlot"
        WHERE "providerId" = '%s' AND "status" = 'INVALID' ORDER BY "id" LIMIT 1]]):format(slot.provider))
      is_refused(post("/v1/bookings", guest(assert(overlapped))), 409, "slot_overlapped")
    end)

    it("says why not for a provider who stopped, a time that passed and one that is blocked", function()
      local slot = free_slot()
      local function refused_after(change, status, code)
        test.query((change:gsub("%$", slot.id)))
        is_refused(post("/v1/bookings", guest(slot)), status, code)
      end
      local provider = [[UPDATE "Provider" SET "status" = '%s'
        WHERE "id" = (SELECT "providerId" FROM "CalculatedAvailabilitySlot" WHERE "id" = '$')]]
      local was = value(([[SELECT "status" AS v FROM "Provider" WHERE "id" = '%s']]):format(slot.provider))
      refused_after(provider:format "SUSPENDED", 409, "not_bookable")
      test.query((provider:format(was):gsub("%$", slot.id)))
      local times = value(([[SELECT format('"startTime" = %%L, "endTime" = %%L', "startTime", "endTime") AS v
        FROM "CalculatedAvailabilitySlot" WHERE "id" = '%s']]):format(slot.id))
      local slot_change = [[UPDATE "CalculatedAvailabilitySlot" SET %s WHERE "id" = '$']]
      refused_after(slot_change:format [["startTime" = now() - interval '1 hour', "endTime" = now()]], 422, "slot_past")
      test.query((slot_change:format(times):gsub("%$", slot.id)))
      refused_after(slot_change:format [["status" = 'BLOCKED']], 409, "slot_blocked")
      test.query((slot_change:format [["status" = 'AVAILABLE']]:gsub("%$", slot.id)))
    end)

    it("says that a slot is taken when only a constraint still knows it", function()
      local slot = free_slot()
      assert.equal(201, post("/v1/bookings", guest(slot)).status)
      local set = [[UPDATE "CalculatedAvailabilitySlot" SET "status" = '%s' WHERE "id" = '%s']]
      test.query(set:format("AVAILABLE", slot.id))
      local r = post("/v1/bookings", guest(slot))
      test.query(set:format("BOOKED", slot.id))
      is_refused(r, 409, "slot_taken")
    end)

    it("notes who asked from where by which request, however long the agent's name is", function()
      local made = post("/v1/bookings", guest(free_slot()), { ["User-Agent"] = "büro " .. ("x"):rep(600) })
      assert.equal(201, made.status, made.text)
      local cancelled = post(("/v1/bookings/%s/cancel"):format(made.body.id), {},
        { Authorization = "Bearer " .. made.body.manageToken, ["User-Agent"] = "curl" })
      assert.equal(200, cancelled.status, cancelled.text)
      local rows = test.query(([[SELECT "action", "ipAddress", "userAgent", "requestId" FROM "AuditLog"
        WHERE "resourceId" = '%s' ORDER BY "id"]]):format(made.body.id))
      assert.same({
        { action = "BOOKING_CREATED", ipAddress = "127.0.0.1", userAgent = "büro " .. ("x"):rep(495),
          requestId = made.headers["x-request-id"] },
        { action = "BOOKING_CANCELLED", ipAddress = "127.0.0.1", userAgent = "curl",
          requestId = cancelled.headers["x-request-id"] },
      }, rows)
    end)

    it("replays with a token that works today", function()
      local slot = free_slot()
      local function book() return post("/v1/bookings", guest(slot), { ["Idempotency-Key"] = "raised" }).body end
      local first = book()
      test.query(([[UPDATE "Booking" SET "tokenVersion" = 2 WHERE "id" = '%s']]):format(first.id))
      local again = book()
      assert.equal(first.id, again.id)
      assert.are_not.equal(first.manageToken, again.manageToken)
      assert.equal(200, get("/v1/bookings/" .. again.id, again.manageToken).status)
    end)

    it("asks how to meet where both ways are offered, and refuses the way that is not", function()
      local slot = free_slot()
      local other = value(([[SELECT NOT "isOnlineAvailable" AS v FROM "CalculatedAvailabilitySlot"
        WHERE "id" = '%s']]):format(slot.id))
      is_refused(post("/v1/bookings", guest(slot, { isOnline = other })), 422, "mode_unavailable")
      test.query(([[UPDATE "CalculatedAvailabilitySlot" SET "isOnlineAvailable" = true, "isInPerson" = true
        WHERE "id" = '%s']]):format(slot.id))
      is_refused(post("/v1/bookings", guest(slot)), 422, "mode_required")
      local r = post("/v1/bookings", guest(slot, { isOnline = true }))
      assert.is_true(r.body.isOnline and not r.body.isInPerson)
    end)

    it("honours a hold of somebody else", function()
      local slot = free_slot()
      test.query(([[INSERT INTO "SlotHold" ("slotId", "providerId", "startTime", "endTime", "holder", "expiresAt")
        SELECT "id", "providerId", "startTime", "endTime", 'x', now() + interval '5 min'
          FROM "CalculatedAvailabilitySlot" WHERE "id" = '%s']]):format(slot.id))
      is_refused(post("/v1/bookings", guest(slot)), 409, "slot_held")
      test.query [[DELETE FROM "SlotHold"]]
      assert.equal(201, post("/v1/bookings", guest(slot)).status)
    end)

    it("wants a guest with a name and a real contact", function()
      local slot = free_slot()
      for pointer, body in pairs {
        ["/guestName"] = { slotId = slot.id },
        ["/guestEmail"] = { slotId = slot.id, guestName = "A" },
        ["/guestPhone"] = { slotId = slot.id, guestName = "A", guestPhone = "082 123" },
        ["/guestWhatsapp"] = { slotId = slot.id, guestName = "A", guestWhatsapp = "+1234567890" },
        ["/status"] = guest(slot, { status = "CONFIRMED" }),
        ["/price"] = guest(slot, { price = "0.00" }),
        ["/clientId"] = guest(slot, { clientId = "x" }),
      } do
        local r = post("/v1/bookings", body)
        is_refused(r, 422, "validation_failed")
        assert.equal(pointer, r.body.errors[1].pointer)
      end
    end)
  end)

  describe("a booking", function()
    local made

    setup(function() made = post("/v1/bookings", guest(free_slot())).body end)

    it("is seen by nobody without its token, and looks like none with another's", function()
      local other = post("/v1/bookings", guest(free_slot())).body
      is_refused(get("/v1/bookings/" .. made.id), 401, "authentication_required")
      is_refused(get("/v1/bookings/" .. made.id, "nonsense"), 401, "invalid_token")
      local foreign = get("/v1/bookings/" .. made.id, other.manageToken)
      local missing = get("/v1/bookings/none", other.manageToken)
      is_refused(foreign, 404, "not_found")
      is_refused(missing, 404, "not_found")
      assert.equal(foreign.body.detail, missing.body.detail)
    end)

    it("loses its token when the version of the token is raised", function()
      local one = post("/v1/bookings", guest(free_slot())).body
      test.query(([[UPDATE "Booking" SET "tokenVersion" = 2 WHERE "id" = '%s']]):format(one.id))
      is_refused(get("/v1/bookings/" .. one.id, one.manageToken), 404, "not_found")
    end)

    it("is cancelled once, against the version seen, and in time", function()
      local one = post("/v1/bookings", guest(free_slot())).body
      local function cancel(headers)
        headers.Authorization = "Bearer " .. one.manageToken
        return post("/v1/bookings/" .. one.id .. "/cancel", nil, headers)
      end
      is_refused(cancel { ["If-Match"] = '"7"' }, 412, "version_mismatch")
      is_refused(cancel { ["If-Match"] = 'W/"1"' }, 412, "version_mismatch")
      is_refused(cancel { ["If-Match"] = "7" }, 400, "invalid_if_match")
      local done = cancel { ["If-Match"] = '"7", "1"', ["Idempotency-Key"] = "c" }
      assert.equal(200, done.status, done.text)
      assert.equal(done.text, cancel { ["Idempotency-Key"] = "c" }.text)
      is_refused(cancel {}, 409, "already_cancelled")
    end)

    it("is not sent again to who holds it as it is", function()
      local one = post("/v1/bookings", guest(free_slot())).body
      local bearer = { Authorization = "Bearer " .. one.manageToken, ["If-None-Match"] = '"1"' }
      local function see(headers) return test.get("/v1/bookings/" .. one.id, { headers = headers }) end
      local held = see(bearer)
      assert.same({ 304, '"1"', "" }, { held.status, held.headers.etag, held.text })
      is_refused(see { ["If-None-Match"] = '"1"' }, 401, "authentication_required")
      assert.equal(200, post("/v1/bookings/" .. one.id .. "/cancel", nil, bearer).status)
      local changed = see(bearer)
      assert.same({ 200, '"2"', "CANCELLED" }, { changed.status, changed.headers.etag, changed.body.status })
    end)

    it("cannot be cancelled by the patient within two hours of its start", function()
      local one = post("/v1/bookings", guest(free_slot())).body
      test.query(([[UPDATE "Booking"
        SET "startTime" = now() + interval '1 hour', "endTime" = now() + interval '2 hours'
        WHERE "id" = '%s']]):format(one.id))
      local r = post("/v1/bookings/" .. one.id .. "/cancel", nil, { Authorization = "Bearer " .. one.manageToken })
      is_refused(r, 409, "too_late")
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT.*Z$", r.body["until"])
      test.query(([[UPDATE "Booking" b SET "startTime" = s."startTime", "endTime" = s."endTime"
        FROM "CalculatedAvailabilitySlot" s WHERE s."id" = b."slotId" AND b."id" = '%s']]):format(one.id))
    end)
  end)

  describe("signing in", function()
    local function login(email, password) return post("/v1/auth/login", { email = email, password = password }) end

    it("gives a token that books for oneself and ends with sign-out", function()
      local r = login("Naledi.Mokoena@demo.example", "Sunbird-2026")
      assert.equal(200, r.status, r.text)
      local bearer = { Authorization = "Bearer " .. r.body.token }
      assert.equal("naledi.mokoena@demo.example", get("/v1/me", r.body.token).body.email)
      assert.is_nil(get("/v1/me", r.body.token).body.password)
      local booked = post("/v1/bookings", { slotId = free_slot().id }, bearer)
      assert.equal(201, booked.status, booked.text)
      assert.equal(r.body.userId, booked.body.clientId)
      assert.equal(200, get("/v1/bookings/" .. booked.body.id, r.body.token).status)
      local for_another = { slotId = free_slot().id, clientId = "somebody" }
      is_refused(post("/v1/bookings", for_another, bearer), 403, "client_not_allowed")
      assert.equal(204, post("/v1/auth/logout", nil, bearer).status)
      is_refused(get("/v1/me", r.body.token), 401, "invalid_token")
    end)

    it("answers alike for a wrong password and an unknown address", function()
      local wrong, unknown = login("naledi.mokoena@demo.example", "x"), login("nobody@example.org", "x")
      is_refused(wrong, 401, "invalid_credentials")
      is_refused(unknown, 401, "invalid_credentials")
      assert.equal(wrong.body.detail, unknown.body.detail)
    end)

    it("stores no token", function()
      local token = login("naledi.mokoena@demo.example", "Sunbird-2026").body.token
      assert.equal(0, value(([[SELECT count(*) AS v FROM "Session" WHERE "tokenHash" = '%s']]):format(token)))
      assert.is_nil(test.log():find(token, 1, true))
    end)
  end)
end)
