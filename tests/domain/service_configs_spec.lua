-- What a provider takes for its services: who says it, what is refused, and what becomes of the slots that have it.

local domain = require "support.domain"
local test = require "medbookd.test"

describe("what a provider takes for a service", function()
  local provider, owner, admin, other, slot, path, config

  local function value(sql, ...) return (test.query(sql, ...)[1] or {}).v end

  local function ask(verb, target, body, who, version)
    local headers = version and { ["If-Match"] = ('"%s"'):format(version) } or {}
    return test.request(verb, target, { body = body, token = who and who.token, headers = headers })
  end

  local function is_refused(r, status, code, pointer)
    assert.equal(status, r.status, r.text)
    assert.equal(code, r.body.code)
    assert.equal(pointer, pointer and r.body.errors[1].pointer)
    return r.body
  end

  -- A new service of a type of the provider's, which it does not offer.
  local function service(type_id)
    return test.query([[INSERT INTO "Service" ("name", "defaultDuration", "defaultPrice", "providerTypeId")
      SELECT 'Something new', 25, 333.5, coalesce($2, (SELECT "providerTypeId" FROM "ProviderTypeAssignment"
        WHERE "providerId" = $1 LIMIT 1)) RETURNING "id"]], provider, type_id)[1].id
  end

  local function create(fields, who)
    local body = { serviceId = fields.serviceId or service(), isInPerson = true }
    for name, it in pairs(fields) do body[name] = it end
    return ask("POST", path, body, who or owner)
  end

  local function change(it, patch, who, version)
    return ask("PATCH", path .. "/" .. it.id, patch, who or owner, version or it.version)
  end

  before_each(function()
    slot = test.free_slot()
    provider = slot.providerId
    path = ("/v1/providers/%s/service-configs"):format(provider)
    admin, other = test.user { role = "ADMIN" }, test.user {}
    owner = { token = "token of the provider" }
    test.query([[INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
      SELECT "userId", encode(sha256(convert_to($2, 'UTF8')), 'hex'), mb_now() + interval '1 year'
        FROM "Provider" WHERE "id" = $1]], provider, owner.token)
    config = test.query([[SELECT c.* FROM "ServiceAvailabilityConfig" c
      JOIN "CalculatedAvailabilitySlot" s ON s."serviceConfigId" = c."id" WHERE s."id" = $1]], slot.id)[1]
  end)

  after_each(function() assert.same({}, domain.faults()) end)

  it("is said for a service and a place, once, and told as an event", function()
    local new, place = service(), config.locationId
    local made = create { serviceId = new, locationId = place, duration = 40, price = "512.5", bufferAfter = 10 }
    assert.equal(201, made.status, made.text)
    assert.same({ 40, "512.50", false, true, 0, 10, true, 1, place }, {
      made.body.duration, made.body.price, made.body.isOnlineAvailable, made.body.isInPerson, made.body.bufferBefore,
      made.body.bufferAfter, made.body.isActive, made.body.version, made.body.locationId,
    })
    assert.equal('"1"', made.headers.etag)
    assert.equal(path .. "/" .. made.body.id, made.headers.location)
    assert.equal(made.text, ask("GET", made.headers.location).text)
    is_refused(create { serviceId = new, locationId = place }, 409, "config_exists")
    local elsewhere = create { serviceId = new }
    assert.equal(201, elsewhere.status, elsewhere.text)
    is_refused(create { serviceId = new }, 409, "config_exists")
    assert.same({ 25, "333.50", test.null },
      { elsewhere.body.duration, elsewhere.body.price, elsewhere.body.locationId })
    assert.equal(2, value([[SELECT count(*) AS v FROM "Outbox" o JOIN "AuditLog" a USING ("resourceId")
      WHERE o."type" = 'service_config.created' AND a."action" = 'SERVICE_CONFIG_CREATED'
        AND o."payload" ->> 'providerId' = $1]], provider))
    assert.equal(1, value([[SELECT count(*) AS v FROM "_ProviderToService" WHERE "A" = $1 AND "B" = $2]], provider,
      new))
  end)

  it("is of a service of the provider's types and of a place where it works", function()
    local foreign = test.query([[SELECT "id" FROM "ProviderType" t WHERE NOT EXISTS (
      SELECT FROM "ProviderTypeAssignment" WHERE "providerId" = $1 AND "providerTypeId" = t."id")]], provider)[1].id
    is_refused(create { serviceId = "nowhere" }, 422, "validation_failed", "/serviceId")
    local retired = service()
    test.query([[UPDATE "Service" SET "isActive" = false WHERE "id" = $1]], retired)
    is_refused(create { serviceId = retired }, 422, "validation_failed", "/serviceId")
    is_refused(create { serviceId = service(foreign) }, 422, "validation_failed", "/serviceId")
    is_refused(create { locationId = "nowhere" }, 422, "validation_failed", "/locationId")
    local away = test.query([[SELECT l."id" FROM "Location" l WHERE NOT EXISTS (
      SELECT FROM "OrganizationProviderConnection" c
       WHERE c."organizationId" = l."organizationId" AND c."providerId" = $1)]], provider)[1].id
    is_refused(create { locationId = away }, 409, "not_connected")
    for _, status in ipairs { "PENDING", "REJECTED", "SUSPENDED" } do
      test.query([[UPDATE "OrganizationProviderConnection" SET "status" = $2::"ConnectionStatus"
        WHERE "providerId" = $1]], provider, status)
      is_refused(create { locationId = config.locationId }, 409, "not_connected")
    end
    test.query([[UPDATE "OrganizationProviderConnection" SET "status" = 'ACCEPTED' WHERE "providerId" = $1]], provider)
    assert.equal(201, create({ locationId = config.locationId }).status)
  end)

  it("names its service by an id, which wins, or by the slugs of type and service", function()
    local by = test.query([[SELECT v."id", t."slug" || '.' || v."slug" AS slug FROM "Service" v
      JOIN "ProviderType" t ON t."id" = v."providerTypeId" WHERE v."id" = $1]], service())[1]
    assert.equal(by.id, create({ serviceId = by.slug }).body.serviceId)
    local named = service()
    test.query([[UPDATE "Service" SET "id" = $2 WHERE "id" = $1]], named, by.slug)
    assert.equal(by.slug, create({ serviceId = by.slug }).body.serviceId)
    is_refused(create { serviceId = by.slug .. "x" }, 422, "validation_failed", "/serviceId")
  end)

  it("is refused with values that are none, and with no way to meet", function()
    local cases = {
      ["/isInPerson"] = { isInPerson = false }, ["/duration"] = { duration = 0 }, ["/price"] = { price = "-1" },
      ["/bufferBefore"] = { bufferBefore = 241 }, ["/bufferAfter"] = { bufferAfter = -1 },
      ["/isActive"] = { isActive = false }, ["/isStanding"] = { isStanding = false },
    }
    for pointer, fields in pairs(cases) do is_refused(create(fields), 422, "validation_failed", pointer) end
    is_refused(create { price = "1.234" }, 422, "validation_failed", "/price")
    is_refused(create { price = "100000000" }, 422, "validation_failed", "/price")
    is_refused(create { duration = 1441 }, 422, "validation_failed", "/duration")
    local it = create({ isOnlineAvailable = true }).body
    it = change(it, { isInPerson = false }).body
    is_refused(change(it, { isOnlineAvailable = false }), 422, "validation_failed", "/isInPerson")
    is_refused(change(it, { serviceId = service() }), 422, "validation_failed", "/serviceId")
    is_refused(change(it, { price = test.null }), 422, "validation_failed", "/price")
    is_refused(change(it, { price = "-0.01" }), 422, "validation_failed", "/price")
    assert.equal(201, create({ price = "0", duration = 1440 }).status)
  end)

  it("is kept by the provider and by administrators, and read by everybody", function()
    is_refused(create({}, other), 403, "not_allowed")
    assert.equal(201, create({}, admin).status)
    assert.equal(401, ask("POST", path, { serviceId = service(), isInPerson = true }).status)
    is_refused(change(config, { price = "1" }, other), 403, "not_allowed")
    is_refused(ask("DELETE", path .. "/" .. config.id, nil, other, config.version), 403, "not_allowed")
    assert.equal(200, change(config, { price = "1" }, admin).status)
    local another = value([[SELECT "id" AS v FROM "Provider" WHERE "id" <> $1 AND "status" = 'ACTIVE' LIMIT 1]],
      provider)
    assert.equal(404, ask("GET", ("/v1/providers/%s/service-configs/%s"):format(another, config.id)).status)
    is_refused(change(config, { price = "2" }), 412, "version_mismatch")
    is_refused(ask("PATCH", path .. "/" .. config.id, { price = "2" }, owner), 428, "if_match_required")
  end)

  it("is listed by pages, retired ones for who keeps them only", function()
    local made = create({}).body
    assert.equal(200, change(made, { isActive = false }).status)
    local standing = value([[SELECT count(*) AS v FROM "ServiceAvailabilityConfig" WHERE "providerId" = $1]], provider)
    local seen, cursor = {}, nil
    repeat
      local page = ask("GET", path .. "?limit=1" .. (cursor and "&cursor=" .. cursor or ""), nil, owner).body
      assert.equal(1, #page.data)
      seen[#seen + 1] = page.data[1].id
      cursor = page.nextCursor ~= test.null and page.nextCursor or nil
    until not cursor
    assert.equal(standing, #seen)
    assert.equal(standing - 1, #ask("GET", path).body.data)
    assert.equal(standing - 1, #ask("GET", path, nil, other).body.data)
    assert.equal(standing, #ask("GET", path, nil, admin).body.data)
    assert.equal(404, ask("GET", path .. "/" .. made.id).status)
    assert.equal(200, ask("GET", path .. "/" .. made.id, nil, owner).status)
    assert.equal(standing - 1, #test.get("/v1/providers/" .. provider).body.services)
    -- A copy that an availability has is nobody's to see here.
    test.query([[INSERT INTO "ServiceAvailabilityConfig" ("providerId", "serviceId", "locationId", "duration", "price",
      "isInPerson") SELECT "providerId", "serviceId", "locationId", 5, 7, true FROM "ServiceAvailabilityConfig"
      WHERE "id" = $1]], config.id)
    assert.equal(standing, #ask("GET", path, nil, owner).body.data)
    assert.equal(standing - 1, #test.get("/v1/providers/" .. provider).body.services)
  end)

  it("hides its price from others where the provider shows none, and is hidden with a provider that does not trade",
    function()
      test.query([[UPDATE "Provider" SET "showPrice" = false WHERE "id" = $1]], provider)
      for _, who in ipairs { other, {} } do
        assert.equal(test.null, ask("GET", path, nil, who).body.data[1].price)
        assert.equal(test.null, ask("GET", path .. "/" .. config.id, nil, who).body.price)
      end
      for _, who in ipairs { owner, admin } do
        assert.is_string(ask("GET", path, nil, who).body.data[1].price)
        assert.equal(config.price, ask("GET", path .. "/" .. config.id, nil, who).body.price)
      end
      assert.equal(200, test.post(("/v1/providers/%s/suspend"):format(provider), { reason = "for this test" },
        { token = admin.token }).status)
      for _, target in ipairs { path, path .. "/" .. config.id } do
        assert.equal(404, ask("GET", target, nil, other).status)
        assert.equal(200, ask("GET", target, nil, owner).status)
      end
      assert.equal(404, change(config, { price = "1" }, other).status)
    end)

  it("counts at once for the slots that nobody has booked, and for those that come free", function()
    local function prices(of) -- of the slots ahead, as { price = how many }
      local found = {}
      for _, row in ipairs(test.query([[SELECT "price"::text AS p, count(*) AS n FROM "CalculatedAvailabilitySlot"
        WHERE "serviceConfigId" = $1 AND "startTime" > mb_now() GROUP BY 1]], of)) do found[row.p] = row.n end
      return found
    end
    local before = prices(config.id)[config.price]
    local others = value([[SELECT string_agg("price"::text, ',' ORDER BY "id") AS v FROM "CalculatedAvailabilitySlot"
      WHERE "providerId" = $1 AND "serviceConfigId" <> $2]], provider, config.id)
    local booked = test.post("/v1/bookings", { slotId = slot.id, guestName = "G", guestEmail = "g@x.example",
      isOnline = false })
    assert.equal(201, booked.status, booked.text)
    local agenda = [[SELECT "version" AS v FROM "ProviderAgenda" WHERE "providerId" = $1]]
    local counted = value(agenda, provider)
    local changed = change(config, { price = "123.45", duration = config.duration + 5 })
    assert.equal(200, changed.status, changed.text)
    assert.same({ "123.45", config.duration + 5, config.version + 1 },
      { changed.body.price, changed.body.duration, changed.body.version })
    assert.equal(counted + 1, value(agenda, provider))
    assert.same({ ["123.45"] = before - 1, [config.price] = 1 }, prices(config.id))
    assert.equal(config.price, value([[SELECT "price" AS v FROM "Booking" WHERE "id" = $1]], booked.body.id))
    assert.equal(0, value([[SELECT count(*) AS v FROM "CalculatedAvailabilitySlot" WHERE "serviceConfigId" = $1
      AND "endTime" - "startTime" <> $2::integer * interval '1 min']], config.id, config.duration))
    assert.equal(others, value([[SELECT string_agg("price"::text, ',' ORDER BY "id") AS v
      FROM "CalculatedAvailabilitySlot" WHERE "providerId" = $1 AND "serviceConfigId" <> $2]], provider, config.id))
    local cancelled = test.post(("/v1/bookings/%s/cancel"):format(booked.body.id), nil,
      { token = booked.body.manageToken })
    assert.equal(200, cancelled.status, cancelled.text)
    assert.same({ ["123.45"] = before }, prices(config.id))
  end)

  it("keeps more time free around bookings from the moment that its buffers are wider", function()
    assert.equal(201, test.post("/v1/bookings", { slotId = slot.id, guestName = "G", guestEmail = "g@x.example",
      isOnline = false }).status)
    local near = [[SELECT count(*) AS v FROM "CalculatedAvailabilitySlot" WHERE "serviceConfigId" = $1
      AND "status" = 'INVALID']]
    local before = value(near, config.id)
    local changed = change(config, { bufferBefore = 60, bufferAfter = 60 }).body
    assert.is_true(value(near, config.id) > before)
    assert.equal(200, change(changed, { bufferBefore = 0, bufferAfter = 0 }).status)
    assert.equal(before, value(near, config.id))
  end)

  it("is never deleted once it was used, but retired: hidden and not booked until it is taken up again", function()
    local it = path .. "/" .. config.id
    local refused = is_refused(ask("DELETE", it, nil, owner, config.version), 409, "in_use")
    assert.same({ "availabilities", "slots" }, refused.holders)
    local book = { slotId = slot.id, guestName = "G", guestEmail = "g@x.example", isOnline = false }
    local free = [[SELECT count(*) AS v FROM "CalculatedAvailabilitySlot" WHERE "serviceConfigId" = $1
      AND "status" = 'AVAILABLE']]
    local before = value(free, config.id)
    local retired = change(config, { isActive = false })
    assert.equal(200, retired.status, retired.text)
    assert.equal(0, value(free, config.id))
    is_refused(test.post("/v1/bookings", book), 409, "not_bookable")
    assert.equal("config_retired", value([[SELECT reason AS v FROM mb_offer($1, '{}')]], slot.id))
    is_refused(create { serviceId = config.serviceId, locationId = config.locationId }, 409, "config_exists")
    local offers = [[SELECT count(*) AS v FROM "_ProviderToService" WHERE "A" = $1 AND "B" = $2]]
    assert.equal(0, value(offers, provider, config.serviceId))
    test.query([[UPDATE "OrganizationProviderConnection" SET "status" = 'SUSPENDED' WHERE "providerId" = $1]], provider)
    is_refused(change(retired.body, { isActive = true }), 409, "not_connected")
    test.query([[UPDATE "OrganizationProviderConnection" SET "status" = 'ACCEPTED' WHERE "providerId" = $1]], provider)
    assert.equal(200, change(retired.body, { isActive = true }).status)
    assert.equal(before, value(free, config.id))
    assert.equal(1, value(offers, provider, config.serviceId))
    assert.equal(201, test.post("/v1/bookings", book).status)
    refused = is_refused(ask("DELETE", it, nil, owner, "3"), 409, "in_use")
    assert.same({ "availabilities", "bookings", "slots" }, refused.holders)
  end)

  it("is gone when it is deleted and nothing ever used it", function()
    local made = create({}).body
    assert.equal(428, ask("DELETE", path .. "/" .. made.id, nil, owner).status)
    assert.equal(204, ask("DELETE", path .. "/" .. made.id, nil, owner, made.version).status)
    assert.equal(404, ask("GET", path .. "/" .. made.id, nil, owner).status)
    assert.equal(0, value([[SELECT count(*) AS v FROM "_ProviderToService" WHERE "B" = $1]], made.serviceId))
    assert.equal(1, value([[SELECT count(*) AS v FROM "AuditLog" WHERE "action" = 'SERVICE_CONFIG_DELETED']]))
  end)

  it("is made once by a request that comes twice with its key", function()
    local body = { serviceId = service(), isInPerson = true }
    local function post()
      return test.post(path, body, { token = owner.token, headers = { ["Idempotency-Key"] = "once" } })
    end
    local first, second = post(), post()
    assert.equal(201, first.status, first.text)
    assert.equal(first.text, second.text)
    body.price = "5"
    is_refused(post(), 422, "idempotency_mismatch")
  end)
end)
