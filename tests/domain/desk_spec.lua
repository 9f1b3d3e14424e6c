-- The desk of whoever administers the platform: who waits for a decision, and how much there is of everything.

local test = require "medbookd.test"

describe("the desk", function()
  local admin, anybody

  before_each(function()
    admin, anybody = test.user { role = "ADMIN" }, test.user()
    test.clock.set "2026-12-02T10:00:00Z" -- a Wednesday
  end)

  local function ask(path, who)
    return test.get("/v1/" .. path, { token = who and who.token })
  end

  -- A provider that waits since this many hours.
  local function waits(id, hours)
    local user = test.user()
    test.query([[INSERT INTO "Provider" ("id", "name", "userId", "image", "statusSince")
      VALUES ($1, $2, $3, '', mb_now() - $4::text::interval)]], id, "Dr " .. id, user.id, hours .. " hours")
  end

  local function ids(path)
    local list, cursor = {}, nil
    repeat
      local r = ask(path .. "&limit=2" .. (cursor and "&cursor=" .. cursor or ""), admin)
      assert.equal(200, r.status, r.text)
      for _, it in ipairs(r.body.data) do list[#list + 1] = it.id end
      cursor = r.body.nextCursor ~= test.null and r.body.nextCursor or nil
    until not cursor
    return table.concat(list, " ")
  end

  it("lists the providers of a status, by name or who waits longest first", function()
    test.query [[UPDATE "Provider" SET "status" = 'REJECTED' WHERE "status" = 'PENDING_APPROVAL']]
    for id, hours in pairs { a = 3, b = 7, c = 1, d = 7, e = 5 } do waits(id, hours) end
    assert.equal("b d e a c", ids "providers?status=PENDING_APPROVAL&sort=waiting")
    assert.equal("a b c d e", ids "providers?status=PENDING_APPROVAL")
    local first = ask("providers?status=PENDING_APPROVAL&sort=waiting", admin).body.data[1]
    assert.equal("Dr b PENDING_APPROVAL 2026-12-02T03:00:00.000Z",
      ("%s %s %s"):format(first.name, first.status, first.statusSince))
    test.query [[UPDATE "Provider" SET "status" = 'REJECTED' WHERE "id" = 'b']]
    test.clock.advance "1h"
    test.query [[UPDATE "Provider" SET "status" = 'PENDING_APPROVAL' WHERE "id" = 'b']]
    test.query [[UPDATE "Provider" SET "bio" = 'x' WHERE "id" = 'e']] -- waits no less for it
    assert.equal("d e a c b", ids "providers?status=PENDING_APPROVAL&sort=waiting")
  end)

  it("shows of those in service what patients see, and of nobody else a slot", function()
    local shown = ask("providers?status=ACTIVE&limit=3", admin).body.data
    local public = {}
    for _, it in ipairs(ask("providers?limit=100").body.data) do public[it.id] = it end
    for _, it in ipairs(shown) do
      assert.equal("ACTIVE", it.status)
      assert.equal(public[it.id].nextSlotId, it.nextSlotId)
      it.status, it.statusSince = nil, nil
      assert.same(public[it.id], it)
    end
    assert.equal(3, #shown)
    test.query([[UPDATE "Provider" SET "status" = 'SUSPENDED' WHERE "id" = $1]], shown[1].id)
    local suspended = 0
    for _, it in ipairs(ask("providers?status=SUSPENDED", admin).body.data) do
      assert.equal(test.null, it.nextSlotId)
      suspended = suspended + (it.id == shown[1].id and 1 or 0)
    end
    assert.equal(1, suspended)
  end)

  it("is for administrators, and tells patients no status", function()
    for who, expected in pairs { [anybody] = "403 not_allowed", [false] = "401 authentication_required" } do
      for _, query in ipairs { "status=ACTIVE", "status=PENDING_APPROVAL&sort=waiting" } do
        local r = ask("providers?" .. query, who or nil)
        assert.equal(expected, r.status .. " " .. r.body.code)
      end
    end
    for _, it in ipairs(ask("providers", admin).body.data) do assert.is_nil(it.status) end
  end)

  it("takes no filter of patients beside a status, no order without one, no cursor of another", function()
    for query, pointer in pairs {
      ["status=ACTIVE&type=dentist"] = "/type", ["status=ACTIVE&online=true"] = "/online",
      ["status=ACTIVE&language=English"] = "/language", ["status=ACTIVE&service=x"] = "/service",
      ["status=ACTIVE&location=x"] = "/location", ["sort=waiting"] = "/sort", ["status=GONE"] = "/status",
      ["status=ACTIVE&sort=waiting"] = "/sort", ["status=ACTIVE&sort=age"] = "/sort",
    } do
      local r = ask("providers?" .. query, admin)
      assert.equal("422 " .. pointer, r.status .. " " .. r.body.errors[1].pointer)
    end
    local cursor = ask("providers?status=ACTIVE&limit=1", admin).body.nextCursor
    for _, query in ipairs {
      "status=TRIAL&cursor=" .. cursor, "status=PENDING_APPROVAL&sort=waiting&cursor=" .. cursor, "cursor=" .. cursor,
      "status=ACTIVE&cursor=" .. ask("providers?limit=1").body.nextCursor,
    } do
      local r = ask("providers?" .. query, admin)
      assert.equal("400 invalid_cursor", r.status .. " " .. r.body.code)
    end
  end)
end)

describe("the list of providers", function()
  it("is narrowed by slugs as by ids and names", function()
    local function found(query)
      local list = {}
      for i, it in ipairs(test.get("/v1/providers?limit=100&" .. query).body.data) do list[i] = it.id end
      return list
    end
    local kind = test.get("/v1/provider-types/dentist").body
    local service = test.get("/v1/services/dentist.teeth-cleaning").body
    assert.is_true(#found "type=dentist" > 3)
    assert.same(found("type=" .. kind.id), found "type=dentist")
    assert.same(found "type=Dentist", found "type=dentist")
    assert.is_true(#found "service=dentist.teeth-cleaning" > 3)
    assert.same(found("service=" .. service.id), found "service=dentist.teeth-cleaning")
    assert.same(found "service=Teeth+Cleaning", found "service=dentist.teeth-cleaning")
    assert.same({}, found "service=psychologist.teeth-cleaning")
    assert.same({}, found "service=teeth-cleaning")
  end)
end)

describe("statistics", function()
  local admin

  before_each(function()
    admin = test.user { role = "ADMIN", createdAt = "2000-01-01" }
    test.clock.set "2026-12-01T22:30:00Z" -- Wednesday already, where the installation is
  end)

  local function all()
    local r = test.get("/v1/statistics", { token = admin.token })
    assert.equal(200, r.status, r.text)
    return r.body
  end

  it("are for administrators", function()
    assert.equal(401, test.get("/v1/statistics").status)
    assert.equal(404, test.get("/v1/statistics", { token = test.user().token }).status)
  end)

  it("count providers and organizations by status, also those that nobody has", function()
    local before = all()
    assert.equal("2026-12-01T22:30:00.000Z", before.at)
    local active = test.query [[SELECT count(*)::int AS n FROM "Provider" WHERE "status" = 'ACTIVE']][1].n
    assert.equal(active, before.providers.ACTIVE)
    assert.equal(0, before.providers.PAYMENT_OVERDUE)
    assert.equal(1, before.organizations.TRIAL)
    test.query [[UPDATE "Provider" SET "status" = 'PAYMENT_OVERDUE' WHERE "id" IN
      (SELECT "id" FROM "Provider" WHERE "status" = 'ACTIVE' LIMIT 2)]]
    local after = all()
    assert.equal(active - 2, after.providers.ACTIVE)
    assert.equal(2, after.providers.PAYMENT_OVERDUE)
  end)

  it("tell how many wait, and how long the first has", function()
    test.query [[UPDATE "Provider" SET "status" = 'REJECTED' WHERE "status" = 'PENDING_APPROVAL']]
    test.query [[UPDATE "RequirementSubmission" SET "status" = 'REJECTED' WHERE "status" = 'PENDING']]
    assert.same({ count = 0, oldestAge = test.null }, all().waiting.providers)
    assert.same({ count = 0, oldestAge = test.null }, all().waiting.submissions)
    test.query [[UPDATE "Provider" SET "status" = 'PENDING_APPROVAL' WHERE "status" = 'REJECTED']]
    local waiting = test.query [[SELECT count(*)::int AS n FROM "Provider" WHERE "status" = 'PENDING_APPROVAL']][1].n
    test.query [[INSERT INTO "RequirementSubmission" ("requirementTypeId", "providerId", "submittedAt")
      SELECT r."id", (SELECT "id" FROM "Provider" WHERE "status" = 'PENDING_APPROVAL' LIMIT 1),
             mb_now() - r."displayPriority" * interval '1 hour'
        FROM "RequirementType" r WHERE r."displayPriority" <= 3 AND r."slug" LIKE 'hpcsa%']]
    test.clock.advance "90s"
    assert.same({ count = waiting, oldestAge = 90 }, all().waiting.providers)
    assert.same({ count = 3, oldestAge = 3 * 3600 + 90 }, all().waiting.submissions)
  end)

  it("count bookings that begin today or this week, and accounts made then, by the day of the installation", function()
    local before = all()
    local function book(start)
      test.query([[INSERT INTO "Booking" ("slotId", "guestName", "guestEmail", "price", "isOnline", "isInPerson",
          "reference", "providerId", "serviceId", "serviceConfigId", "startTime", "endTime")
        SELECT s."id", 'Guest', 'guest@example.org', 500, false, true, upper(substr(mb_cuid(), 18)), c."providerId",
               c."serviceId", c."id", $1::text::timestamptz, $1::text::timestamptz + interval '30 min'
          FROM "ServiceAvailabilityConfig" c
          JOIN "CalculatedAvailabilitySlot" s ON s."serviceConfigId" = c."id"
         WHERE NOT EXISTS (SELECT FROM "Booking" b WHERE b."providerId" = c."providerId")
         ORDER BY s."id" LIMIT 1]], start)
    end
    for _, start in ipairs {
      "2026-12-01 22:00Z", "2026-12-02 21:30Z", -- the first and the last half hour of the day
      "2026-12-01 21:30Z", "2026-12-02 22:00Z", -- beside it
      "2026-11-29 22:00Z", "2026-12-06 21:30Z", -- the ends of the week
      "2026-11-29 21:30Z", "2026-12-06 22:00Z",
    } do
      book(start)
    end
    local function grown(after)
      return { after.bookings.today - before.bookings.today, after.bookings.week - before.bookings.week }
    end
    assert.same({ 2, 6 }, grown(all()))
    test.query [[UPDATE "Booking" SET "status" = 'CANCELLED', "slotId" = NULL, "cancelledAt" = mb_now(),
      "reasonCode" = 'CANCELLED_BY_CLINIC' WHERE "startTime" = '2026-12-02 21:30Z']]
    assert.same({ 1, 5 }, grown(all()))
    for _, at in ipairs { "2026-12-01T22:00:00Z", "2026-11-29T22:00:00Z", "2026-11-29T21:59:59Z" } do
      test.user { createdAt = at }
    end
    local users = all().users
    assert.same({ 3, 1, 2 }, { users.total - before.users.total, users.today - before.users.today,
                               users.week - before.users.week })
  end)
end)
