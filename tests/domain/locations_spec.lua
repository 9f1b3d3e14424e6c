-- Locations over HTTP: who adds them, who finds which, who changes them, and what keeps one from being closed.

local domain = require "support.domain"
local test = require "medbookd.test"

local function value(sql, ...) return (test.query(sql:format(...))[1] or {}).v end

describe("locations", function()
  local admin, owner, stranger, clinic
  local count = 0

  -- A new organization of `owner`, past the API, in this status.
  local function organization(status)
    count = count + 1
    local id = "locations-org-" .. count
    test.query([[INSERT INTO "Organization" ("id", "name", "status", "timeZone")
      VALUES ($1, 'Umoya', $2::"OrganizationStatus", 'Africa/Maputo')]], id, status or "ACTIVE")
    test.query([[INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role") VALUES ($1, $2, 'OWNER')]],
      id, owner.id)
    return id
  end

  -- A new user who is this in an organization, limited to a location if one is named.
  local function member(of, role, permissions, location)
    local who = test.user {}
    local id = test.query([[INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role", "permissions")
      VALUES ($1, $2, $3::"OrganizationRole", $4::"OrganizationPermission"[]) RETURNING "id"]],
      of, who.id, role, permissions or "{}")[1].id
    if location then
      test.query([[INSERT INTO "MembershipLocation" ("membershipId", "locationId", "organizationId")
        VALUES ($1, $2, $3)]], id, location, of)
    end
    return who
  end

  setup(function()
    admin, owner, stranger = test.user { role = "ADMIN" }, test.user {}, test.user {}
    clinic = organization()
  end)
  after_each(function() assert.same({}, domain.faults()) end)

  local function add(of, more, who, headers)
    local body = { name = "Rosebank", formattedAddress = "15 Bath Avenue", coordinates = { lat = -26.5, lng = 28.25 } }
    for key, given in pairs(more or {}) do body[key] = given ~= test.null and given or nil end
    return test.post(("/v1/organizations/%s/locations"):format(of), body,
      { token = (who or owner).token, headers = headers })
  end

  local function added(of, more)
    local r = add(of, more)
    assert.equal(201, r.status, r.text)
    return r.body
  end

  local function get(id, who) return test.get("/v1/locations/" .. id, { token = who and who.token }) end

  local function options(it, who)
    return { token = (who or owner).token, headers = { ["If-Match"] = ('"%d"'):format(it.version) } }
  end

  local function change(it, patch, who) return test.patch("/v1/locations/" .. it.id, patch, options(it, who)) end

  local function close(it, who) return test.delete("/v1/locations/" .. it.id, options(it, who)) end

  local function refusal(r, pointer)
    return ("%d %s %s"):format(r.status, tostring(r.body.code), pointer and r.body.errors[1].pointer or "")
  end

  local function listed(query, who)
    local names = {}
    for _, row in ipairs(test.get("/v1/locations" .. query, { token = who and who.token }).body.data) do
      names[#names + 1] = row.name
    end
    return table.concat(names, " ")
  end

  it("are added to an organization, in its zone and with a place of their own", function()
    local it = added(clinic, { searchTerms = { "joburg" }, phone = "+27115550001" })
    assert.equal(("local:%s Africa/Maputo false 1 -26.5 28.25 joburg"):format(it.id),
      ("%s %s %s %d %s %s %s"):format(it.googlePlaceId, it.timeZone, it.closed, it.version, it.coordinates.lat,
        it.coordinates.lng, it.searchTerms[1]))
    assert.same(it, get(it.id).body)
    assert.equal('location.created LOCATION_CREATED ' .. owner.id, value([[SELECT o."type" || ' ' || a."action" || ' '
      || a."userId" AS v FROM "Outbox" o, "AuditLog" a
      WHERE o."resourceId" = '%s' AND a."resourceId" = o."resourceId"]], it.id))
    assert.equal("Europe/Berlin", added(clinic, { timeZone = "Europe/Berlin" }).timeZone)
  end)

  it("are added once by a request that is repeated", function()
    local headers = { ["Idempotency-Key"] = "add-once" }
    local first = add(clinic, { googlePlaceId = "once" }, owner, headers)
    local second = add(clinic, { googlePlaceId = "once" }, owner, headers)
    assert.equal("201 201", first.status .. " " .. second.status)
    assert.equal(first.text, second.text)
    assert.equal("422 idempotency_mismatch ", refusal(add(clinic, { name = "Other" }, owner, headers)))
  end)

  it("are each at a place of their own, whosever it is", function()
    added(clinic, { googlePlaceId = "taken" })
    assert.equal("409 place_taken /googlePlaceId", refusal(add(organization(), { googlePlaceId = "taken" }), true))
  end)

  it("are not added with what is wrong, nor to an organization that is suspended or cancelled", function()
    local before = value [[SELECT count(*) AS v FROM "Location"]]
    for pointer, body in pairs {
      ["/name"] = { name = test.null }, ["/coordinates"] = { coordinates = test.null },
      ["/coordinates/lat"] = { coordinates = { lat = 91, lng = 0 } }, ["/timeZone"] = { timeZone = "Mars/Olympus" },
      ["/coordinates/lng"] = { coordinates = { lat = 1 } }, ["/email"] = { email = "default@example.com" },
      ["/organizationId"] = { organizationId = clinic }, ["/closed"] = { closed = true },
    } do
      assert.equal("422 validation_failed " .. pointer, refusal(add(clinic, body), true))
    end
    for _, status in ipairs { "SUSPENDED", "CANCELLED" } do
      assert.equal("409 organization_out_of_service ", refusal(add(organization(status))))
    end
    assert.equal(before, value [[SELECT count(*) AS v FROM "Location"]])
    assert.equal(201, add(organization "PENDING_APPROVAL").status)
  end)

  it("are added and changed by those who may manage all of them or this one", function()
    local it, other = added(clinic), added(clinic)
    for role, status in pairs { OWNER = 201, ADMIN = 201, MANAGER = 403, STAFF = 403 } do
      local who = member(clinic, role)
      assert.equal(status, add(clinic, {}, who).status, role)
      local r = change(it, { name = "by " .. role }, who)
      assert.equal(status == 201 and 200 or 403, r.status, role)
      it = r.status == 200 and r.body or it
    end
    local limited = member(clinic, "STAFF", "{MANAGE_LOCATIONS}", it.id)
    it = change(it, { name = "Limited" }, limited).body
    assert.equal("Limited", it.name)
    assert.equal("403 not_allowed ", refusal(change(other, { name = "Not theirs" }, limited)))
    assert.equal("403 not_allowed ", refusal(add(clinic, {}, limited)))
    assert.equal("403 not_allowed ", refusal(change(it, { name = "Stranger" }, stranger)))
    assert.equal("403 not_allowed ", refusal(close(other, limited)))
    assert.equal(200, change(it, { name = "Admin" }, admin).status)
  end)

  it("are changed one by one, at the version that was seen", function()
    local it = added(clinic, { phone = "+27115550001" })
    local changed = change(it, { phone = test.null, coordinates = { lat = 1.5, lng = 2 }, searchTerms = { "a", "b" },
      timeZone = "UTC" }).body
    assert.equal("2 UTC 1.5 b " .. it.name, ("%d %s %s %s %s"):format(changed.version, changed.timeZone,
      changed.coordinates.lat, changed.searchTerms[2], changed.name))
    assert.equal(test.null, changed.phone)
    assert.equal("412 version_mismatch ", refusal(change(it, { name = "Late" })))
    assert.equal("422 validation_failed /coordinates/lng",
      refusal(change(changed, { coordinates = { lat = 1 } }), true))
    assert.equal("422 validation_failed /timeZone", refusal(change(changed, { timeZone = "Mars/Olympus" }), true))
    assert.equal("422 validation_failed /googlePlaceId", refusal(change(changed, { googlePlaceId = "x" }), true))
  end)

  it("are seen by everybody while their organization is in service, else by its members and administrators", function()
    for status, is_public in pairs {
      PENDING_APPROVAL = false, REJECTED = false, APPROVED = true, TRIAL = true, TRIAL_EXPIRED = false, ACTIVE = true,
      PAYMENT_OVERDUE = false, SUSPENDED = false, CANCELLED = false,
    } do
      local of, id = organization(status), "at-" .. status
      test.query([[INSERT INTO "Location" ("id", "organizationId", "name", "formattedAddress", "coordinates")
        VALUES ($1, $2, $1, 'x', '{"lat": 0, "lng": 0}')]], id, of)
      local limited = member(of, "STAFF", "{}", id)
      for who, sees in pairs { [stranger] = is_public, [owner] = true, [admin] = true, [limited] = true } do
        assert.equal(sees and 200 or 404, get(id, who).status, status)
        assert.equal(sees and id or "", listed("?organizationId=" .. of, who), status)
      end
      assert.equal(is_public and 200 or 404, get(id).status, status)
    end
  end)

  it("go out of sight and come back with their organization", function()
    local of = organization()
    local it = added(of)
    test.query([[UPDATE "Organization" SET "status" = 'SUSPENDED' WHERE "id" = $1]], of)
    assert.equal(404, get(it.id).status)
    test.query([[UPDATE "Organization" SET "status" = 'ACTIVE' WHERE "id" = $1]], of)
    assert.equal(200, get(it.id).status)
  end)

  it("are found by parts of name and address, and by a term", function()
    local of = organization()
    added(of, { name = "Alpha", formattedAddress = "1 Vilakazi Street", searchTerms = { "soweto", "orlando" } })
    added(of, { name = "Beta", formattedAddress = "2 Bath Avenue", searchTerms = { "rosebank" } })
    for query, wanted in pairs {
      [""] = "Alpha Beta", ["&sort=-name"] = "Beta Alpha", ["&name=LPH"] = "Alpha", ["&formattedAddress=bath"] = "Beta",
      ["&searchTerms=orlando"] = "Alpha", ["&searchTerms=orl"] = "", ["&searchTerms=rosebank&name=alpha"] = "",
    } do
      assert.equal(wanted, listed(("?organizationId=%s%s"):format(of, query)), query)
    end
  end)

  it("are closed when nothing holds them, and hidden then", function()
    local it = added(clinic, { name = "Closing" })
    assert.equal("428 if_match_required ", refusal(test.delete("/v1/locations/" .. it.id, { token = owner.token })))
    assert.equal(204, close(it).status)
    assert.equal(404, get(it.id).status)
    assert.equal("", listed "?name=closing")
    local seen = get(it.id, owner).body
    assert.equal("true 2", ("%s %d"):format(seen.closed, seen.version))
    assert.equal("412 version_mismatch ", refusal(close(it)))
    assert.equal(204, close(seen).status)
    assert.equal(1, value([[SELECT count(*) AS v FROM "Outbox"
      WHERE "resourceId" = '%s' AND "type" = 'location.closed']], it.id))
    test.query([[UPDATE "Organization" SET "status" = 'SUSPENDED' WHERE "id" = $1]], clinic)
    test.query([[UPDATE "Organization" SET "status" = 'ACTIVE' WHERE "id" = $1]], clinic)
    assert.equal(404, get(it.id).status)
  end)

  it("stay open while something holds them, which is named", function()
    local it = added(clinic)
    local config = test.query [[SELECT * FROM "ServiceAvailabilityConfig" WHERE "isStanding" LIMIT 1]][1]
    test.query([[INSERT INTO "SubscriptionPlan" ("id", "name", "basePrice", "interval", "includedSlots", "tierPricing")
      VALUES ('locations-plan', 'x', 1, 'MONTHLY', 0, '{"1+": 0}')]])
    test.query([[INSERT INTO "Subscription" ("locationId", "planId", "status", "startDate", "billingCycleStart",
      "billingCycleEnd") VALUES ($1, 'locations-plan', 'ACTIVE', now(), now(), now() + interval '30 days')]], it.id)
    test.query([[INSERT INTO "ServiceAvailabilityConfig" ("serviceId", "providerId", "locationId", "duration", "price",
      "isInPerson", "isStanding") VALUES ($1, $2, $3, 30, 1, true, true)]], config.serviceId, config.providerId, it.id)
    test.query([[INSERT INTO "Availability" ("providerId", "startTime", "endTime", "organizationId", "locationId",
      "createdById") VALUES ($1, '2101-01-04 08:00Z', '2101-01-04 12:00Z', $2, $3, $4)]],
      config.providerId, clinic, it.id, owner.id)
    for _, step in ipairs {
      { "availabilities configurations subscriptions", [[UPDATE "Availability" SET "startTime" = '2020-01-04 08:00Z',
        "endTime" = '2020-01-04 12:00Z' WHERE "locationId" = $1]] },
      { "configurations subscriptions", [[UPDATE "ServiceAvailabilityConfig" SET "isActive" = false
        WHERE "locationId" = $1]] },
      { "subscriptions", [[UPDATE "Subscription" SET "status" = 'CANCELLED' WHERE "locationId" = $1]] },
    } do
      local r = close(it)
      assert.equal("409 in_use ", refusal(r))
      assert.equal(step[1], table.concat(r.body.holders, " "))
      assert.equal(false, get(it.id).body.closed)
      test.query(step[2], it.id)
    end
    assert.equal(204, close(it).status)
    assert.equal("unknown_location", value([[SELECT mb_service_refusal('%s', '%s', '%s') AS v]], config.providerId,
      config.serviceId, it.id))
  end)

  it("stay open while a booking ahead is of them", function()
    local slot = test.free_slot()
    local booked = test.post("/v1/bookings", { slotId = slot.id, isOnline = false, guestName = "Thandi Mokoena",
      guestEmail = "thandi@people.example", guestPhone = "+27825550123" })
    assert.equal(201, booked.status, booked.text)
    local ahead = test.query([[SELECT "locationId" FROM "Booking" WHERE "id" = $1]], booked.body.id)[1]
    local version = value([[SELECT "version" AS v FROM "Location" WHERE "id" = '%s']], ahead.locationId)
    local r = close({ id = ahead.locationId, version = version }, admin)
    assert.matches("bookings", table.concat(r.body.holders, " "))
  end)
end)
