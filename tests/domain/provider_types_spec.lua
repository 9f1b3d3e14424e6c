-- Of which types a provider is: who says so, what has to be answered first, and what a type cannot leave behind.

local domain = require "support.domain"
local test = require "medbookd.test"

describe("the types of a provider", function()
  local owner, admin, provider, dentist, dietitian

  local function value(sql, ...) return (test.query(sql, ...)[1] or {}).v end

  local function type_of(name)
    return test.query([[SELECT "id", "slug", "name" FROM "ProviderType" WHERE "name" = $1]], name)[1]
  end

  local function mine() return test.get("/v1/me/provider", { token = owner.token }).body end

  local function set(types, who, version)
    return test.put(("/v1/providers/%s/types"):format(provider.id), { providerTypeIds = types },
      { token = (who or owner).token, headers = { ["If-Match"] = ('"%d"'):format(version or mine().version) } })
  end

  local function is_refused(r, status, code)
    assert.equal(status, r.status, r.text)
    assert.equal(code, r.body.code)
    return r.body
  end

  -- The provider has what a type asks: each answer approved, until this instant.
  local function answer_all(type_id, expires)
    test.query([[INSERT INTO "RequirementSubmission" ("requirementTypeId", "providerId", "status", "documentMetadata",
        "approvedMetadata", "approvedAt", "expiresAt")
      SELECT r."id", $1, 'APPROVED', '{"value": "x"}', '{"value": "x"}', mb_now(), $3::timestamptz
        FROM "RequirementType" r WHERE r."providerTypeId" = $2]], provider.id, type_id, expires)
  end

  local function step(status)
    test.query([[UPDATE "Provider" SET "status" = $2::"ProviderStatus" WHERE "id" = $1]], provider.id, status)
  end

  before_each(function()
    owner, admin = test.user { name = "Dr New", emailVerified = "2026-01-01Z" }, test.user { role = "ADMIN" }
    dentist, dietitian = type_of "Dentist", type_of "Dietitian"
    local made = test.post("/v1/providers", {
      name = "Dr New", languages = { "English" }, email = "new@clinic.example", whatsapp = "+27115550100",
      providerTypeIds = { dentist.id },
    }, { token = owner.token })
    assert.equal(201, made.status, made.text)
    provider = made.body
  end)

  after_each(function() assert.same({}, domain.faults()) end)

  it("are replaced, by ids or slugs, and told as a change of the provider", function()
    local done = set { dietitian.slug, dentist.id, dietitian.id }
    assert.equal(200, done.status, done.text)
    local wanted = { dentist.id, dietitian.id }
    table.sort(wanted)
    assert.same(wanted, done.body.providerTypeIds)
    assert.equal(done.text, test.get("/v1/me/provider", { token = owner.token }).text)
    assert.equal(('"%d"'):format(done.body.version), done.headers.etag)
    assert.is_true(done.body.version > provider.version)
    assert.same({ dietitian.id }, set({ dietitian.id }, admin).body.providerTypeIds)
    assert.equal(2, value([[SELECT count(*) AS v FROM "Outbox" o JOIN "AuditLog" a
      ON a."resourceId" = o."resourceId" AND a."metadata" = o."payload" AND a."action" = 'PROVIDER_CHANGED'
      WHERE o."type" = 'provider.changed' AND o."payload" -> 'fields' = '["providerTypeIds"]'
        AND o."resourceId" = $1]], provider.id))
    local again = set { dietitian.slug }
    assert.equal(200, again.status)
    assert.equal(mine().version, again.body.version)
    assert.equal(2, value([[SELECT count(*) AS v FROM "Outbox" WHERE "type" = 'provider.changed'
      AND "resourceId" = $1]], provider.id))
  end)

  it("are the provider's and administrators' to say, of the version that they saw", function()
    assert.equal(404, set({ dietitian.id }, test.user {}).status)
    is_refused(set({ dietitian.id }, owner, provider.version + 1), 412, "version_mismatch")
    is_refused(test.put(("/v1/providers/%s/types"):format(provider.id), { providerTypeIds = { dietitian.id } },
      { token = owner.token }), 428, "if_match_required")
    assert.same({ dentist.id }, mine().providerTypeIds)
  end)

  it("are types that there are and that are not retired, unless the provider is of one already", function()
    test.query([[UPDATE "ProviderType" SET "isActive" = false WHERE "id" = $1]], dietitian.id)
    local refused = is_refused(set { dentist.id, "nowhere", dietitian.slug }, 422, "validation_failed")
    assert.same({ "/providerTypeIds/1", "/providerTypeIds/2" },
      { refused.errors[1].pointer, refused.errors[2].pointer })
    assert.truthy(refused.errors[2].detail:find(dietitian.slug, 1, true))
    test.query([[UPDATE "ProviderType" SET "isActive" = "id" <> $1]], dentist.id)
    assert.equal(200, set({ dentist.id, dietitian.id }).status)
    for pointer, body in pairs { ["/providerTypeIds"] = '{"providerTypeIds":[]}',
                                 ["/providerTypeIds/1"] = '{"providerTypeIds":["a","a"]}' } do
      refused = is_refused(test.put(("/v1/providers/%s/types"):format(provider.id), body, { token = owner.token,
        headers = { ["If-Match"] = "*", ["Content-Type"] = "application/json" } }), 422, "validation_failed")
      assert.equal(pointer, refused.errors[1].pointer)
    end
  end)

  it("want what a new one asks approved first, once the provider is past its approval", function()
    local asked = test.get(("/v1/provider-types/%s/requirements"):format(dietitian.slug)).body.data
    assert.is_true(#asked > 0)
    for _, word in ipairs { "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED" } do
      step(word)
      local refused = is_refused(set { dentist.id, dietitian.id }, 409, "requirements_incomplete")
      assert.equal(#asked, #refused.missing, word) -- and not what the old one asks
      for _, it in ipairs(refused.missing) do assert.equal(dietitian.name, it.providerType) end
      assert.same({ dentist.id }, mine().providerTypeIds)
    end
    answer_all(dietitian.id)
    assert.equal(200, set({ dentist.id, dietitian.id }).status)
    for _, word in ipairs { "CANCELLED", "PENDING_APPROVAL", "REJECTED" } do
      test.query([[DELETE FROM "RequirementSubmission" WHERE "providerId" = $1]], provider.id)
      step(word)
      assert.equal(200, set({ dentist.id }).status)
      assert.equal(200, set({ dentist.id, dietitian.id }).status)
    end
  end)

  it("say until when the provider complies", function()
    local function compliant() return value([[SELECT "compliantUntil"::date::text AS v FROM "Provider"
      WHERE "id" = $1]], provider.id) end
    answer_all(dentist.id, "2100-01-01Z")
    answer_all(dietitian.id, "2099-01-01Z")
    assert.equal(200, set({ dentist.id, dietitian.id }).status)
    assert.equal("2099-01-01", compliant())
    assert.equal(200, set({ dentist.id }).status)
    assert.equal("2100-01-01", compliant())
  end)

  describe("cannot lose one", function()
    local slot, booked

    before_each(function()
      slot = test.free_slot()
      provider = test.query([[SELECT p."id", p."userId", v."providerTypeId", t."name" FROM "Provider" p
        JOIN "Service" v ON v."id" = $2 JOIN "ProviderType" t ON t."id" = v."providerTypeId" WHERE p."id" = $1]],
        slot.providerId, slot.serviceId)[1]
      test.query([[INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
        VALUES ($1, encode(sha256(convert_to($2, 'UTF8')), 'hex'), mb_now() + interval '1 year')]], provider.userId,
        "token of the provider")
      owner = { token = "token of the provider" }
      booked = test.post("/v1/bookings", { slotId = slot.id, guestName = "G", guestEmail = "g@x.example",
        isOnline = false }).body
      -- Another type, which asks nothing.
      test.query [[INSERT INTO "ProviderType" ("name") VALUES ('Podiatrist')]]
    end)

    it("whose services are offered or booked, and says which and why", function()
      local refused = is_refused(set { "podiatrist" }, 409, "in_use")
      assert.same({ "bookings", "configurations" }, refused.holders)
      assert.same({ provider.providerTypeId }, refused.providerTypeIds)
      assert.truthy(refused.detail:find(provider.name, 1, true))
      test.query([[UPDATE "ServiceAvailabilityConfig" SET "isActive" = false WHERE "providerId" = $1]], provider.id)
      assert.same({ "bookings" }, is_refused(set { "podiatrist" }, 409, "in_use").holders)
      assert.equal(200, test.post(("/v1/bookings/%s/cancel"):format(booked.id), nil,
        { token = booked.manageToken }).status)
      assert.equal(200, set({ "podiatrist" }).status)
    end)

    it("but for bookings that are over", function()
      test.query([[UPDATE "ServiceAvailabilityConfig" SET "isActive" = false WHERE "providerId" = $1]], provider.id)
      test.clock.advance "60d"
      assert.equal(200, set({ "podiatrist" }).status)
    end)
  end)
end)
