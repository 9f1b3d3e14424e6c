-- Organizations over HTTP: who registers one owns it, who sees what of which, and who changes what.

local domain = require "support.domain"
local test = require "medbookd.test"

-- Of the column v; what follows is written into the text.
local function value(sql, ...) return (test.query(sql:format(...))[1] or {}).v end

local PRIVATE <const> = {
  "billingModel", "status", "statusSince", "rejectionReason", "approvedAt", "trialStatus", "trialStarted", "trialEnded",
}

describe("organizations", function()
  local admin, owner, stranger

  setup(function()
    admin, owner, stranger = test.user { role = "ADMIN" }, test.user {}, test.user {}
    test.query [[UPDATE "User" SET "email" = "id" || '@people.example', "emailVerified" = now()
      WHERE "id" LIKE 'test-user-%']]
  end)
  after_each(function() assert.same({}, domain.faults()) end)

  local function register(body, who, headers)
    return test.post("/v1/organizations", body, { token = (who or owner).token, headers = headers })
  end

  local function registered(more)
    local body = { name = "Umoya Family Health" }
    for key, given in pairs(more or {}) do body[key] = given end
    local r = register(body)
    assert.equal(201, r.status, r.text)
    return r.body
  end

  local function get(id, who) return test.get("/v1/organizations/" .. id, { token = who and who.token }) end

  local function change(it, patch, who)
    return test.patch("/v1/organizations/" .. it.id, patch,
      { token = (who or owner).token, headers = { ["If-Match"] = ('"%d"'):format(it.version) } })
  end

  -- A new user who is this in the organization.
  local function member(it, role, status, permissions)
    local who = test.user {}
    test.query([[INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role", "status", "permissions")
      VALUES ($1, $2, $3::"OrganizationRole", $4::"MembershipStatus", $5::"OrganizationPermission"[])]],
      it.id, who.id, role, status or "ACTIVE", permissions or "{}")
    return who
  end

  -- Takes it past the API to a status that one may be imported with.
  local function imported(status)
    local id = "imported-" .. status
    test.query([[INSERT INTO "Organization" ("id", "name", "status")
      VALUES ($1, $2, $3::"OrganizationStatus")]], id, "Imported " .. status, status)
    return id
  end

  local function refusal(r, pointer)
    return ("%d %s %s"):format(r.status, tostring(r.body.code), pointer and r.body.errors[1].pointer or "")
  end

  it("are owned by whoever registers them, and wait for their approval", function()
    local it = registered { phone = "+27115550001", timeZone = "Europe/Berlin", billingModel = "PER_LOCATION" }
    assert.equal("PENDING_APPROVAL PER_LOCATION Europe/Berlin NOT_STARTED 1",
      ("%s %s %s %s %d"):format(it.status, it.billingModel, it.timeZone, it.trialStatus, it.version))
    assert.equal("OWNER ACTIVE " .. owner.id, value([[SELECT string_agg(concat_ws(' ', "role", "status", "userId"),
      ', ') AS v FROM "OrganizationMembership" WHERE "organizationId" = '%s']], it.id))
    assert.equal('organization.created{"version": 1} ORGANIZATION_CREATED ' .. owner.id, value([[SELECT o."type" ||
      o."payload" || ' ' || a."action" || ' ' || a."userId" AS v FROM "Outbox" o, "AuditLog" a
      WHERE o."resourceId" = '%s' AND a."resourceId" = o."resourceId"]], it.id))
    assert.same(it, get(it.id, owner).body)
    local plain = registered()
    assert.equal("CONSOLIDATED Africa/Johannesburg", plain.billingModel .. " " .. plain.timeZone)
  end)

  it("are registered once by a request that is repeated", function()
    local headers = { ["Idempotency-Key"] = "register-once" }
    local first, second = register({ name = "Once" }, owner, headers), register({ name = "Once" }, owner, headers)
    assert.equal("201 201", first.status .. " " .. second.status)
    assert.equal(first.text, second.text)
    assert.equal("422 idempotency_mismatch ", refusal(register({ name = "Twice" }, owner, headers)))
    assert.equal(1, value [[SELECT count(*) AS v FROM "Organization" WHERE "name" IN ('Once', 'Twice')]])
  end)

  it("are registered by nobody whose address is not verified, nor with what is wrong", function()
    local count = [[SELECT count(*) AS v FROM "Organization"]]
    local before = value(count)
    assert.equal("403 email_not_verified ", refusal(register({ name = "Umoya" }, test.user {})))
    for pointer, body in pairs {
      ["/name"] = {}, ["/status"] = { name = "Umoya", status = "ACTIVE" }, ["/logo"] = { name = "Umoya", logo = "x" },
      ["/timeZone"] = { name = "Umoya", timeZone = "Africa/Nowhere" },
      ["/email"] = { name = "Umoya", email = "default@example.com" },
      ["/phone"] = { name = "Umoya", phone = "+1234567890" },
      ["/billingModel"] = { name = "Umoya", billingModel = "HYBRID" },
    } do
      assert.equal("422 validation_failed " .. pointer, refusal(register(body), true))
    end
    assert.equal(before, value(count))
  end)

  it("are seen by everybody while they are in service, and else by members and administrators only", function()
    for status, is_public in pairs {
      PENDING_APPROVAL = false, REJECTED = false, APPROVED = true, TRIAL = true, TRIAL_EXPIRED = false, ACTIVE = true,
      PAYMENT_OVERDUE = false, SUSPENDED = false, CANCELLED = false,
    } do
      local id = imported(status)
      local staff, gone = member({ id = id }, "STAFF"), member({ id = id }, "OWNER", "SUSPENDED")
      for _, who in ipairs { false, stranger, gone } do
        local r = get(id, who)
        assert.equal(is_public and 200 or 404, r.status, status)
        for _, name in ipairs(is_public and PRIVATE or {}) do assert.equal(test.null, r.body[name], name) end
      end
      for _, who in ipairs { staff, admin } do assert.equal(status, get(id, who).body.status) end
    end
  end)

  it("are listed for everybody as far as they see them", function()
    local own = registered { name = "Zola Rooms" }
    local active = imported "ACTIVE"
    local function listed(query, who)
      local names = {}
      for _, row in ipairs(test.get("/v1/organizations" .. query, { token = who and who.token }).body.data) do
        names[#names + 1] = row.id
      end
      return table.concat(names, " ")
    end
    for query, wanted in pairs {
      ["?name=zola"] = { "", "", own.id, own.id }, ["?name=imported"] = { active, active, active, active },
      ["?name=imported&status=ACTIVE"] = { "", "", "", active }, -- whether it is on trial is not for everybody
      ["?name=zola&status=PENDING_APPROVAL"] = { "", "", own.id, own.id },
    } do
      for i, who in ipairs { false, stranger, owner, admin } do
        assert.equal(wanted[i], listed(query, who), query .. " " .. i)
      end
    end
  end)

  it("stand on the desk of whoever decides, the longest wait first", function()
    local first, second = registered { name = "Zebra Clinic" }, registered { name = "Aloe Clinic" }
    test.query([[UPDATE "Organization" SET "statusSince" = now() - interval '9 days' WHERE "id" = $1]], first.id)
    local desk = test.get("/v1/organizations?status=PENDING_APPROVAL&sort=waiting&name=clinic", { token = admin.token })
    local ids = {}
    for i, row in ipairs(desk.body.data) do ids[i] = row.id end
    assert.same({ first.id, second.id }, ids)
    assert.equal("422 validation_failed /sort",
      refusal(test.get("/v1/organizations?sort=waiting", { token = admin.token }), true))
  end)

  it("are changed by their OWNERs and ADMINs and those of the platform", function()
    local it = registered()
    for role, status in pairs { OWNER = 200, ADMIN = 200, MANAGER = 403, STAFF = 403 } do
      local r = change(it, { description = "by " .. role }, member(it, role))
      assert.equal(status, r.status, r.text)
      it = status == 200 and r.body or it
    end
    assert.equal(404, change(it, { description = "x" }, stranger).status)
    assert.equal(404, change(it, { description = "x" }, member(it, "OWNER", "SUSPENDED")).status)
    it = change(it, { description = test.null, timeZone = "UTC" }, admin).body
    assert.equal("UTC", it.timeZone)
    assert.equal(test.null, it.description)
    assert.equal("422 validation_failed /timeZone", refusal(change(it, { timeZone = "Mars/Olympus" }), true))
    assert.equal("422 validation_failed /timeZone", refusal(change(it, { timeZone = "local" }), true))
    assert.equal("422 validation_failed /email", refusal(change(it, { email = "default@example.com" }), true))
    assert.equal("412 version_mismatch ", refusal(change({ id = it.id, version = 1 }, { name = "Late" })))
    assert.equal("428 if_match_required ", refusal(test.patch("/v1/organizations/" .. it.id, { name = "Blind" },
      { token = owner.token })))
  end)

  it("are billed as those say who manage their billing", function()
    local it = registered()
    assert.equal("403 not_allowed ", refusal(change(it, { billingModel = "PER_LOCATION" }, member(it, "ADMIN"))))
    assert.equal("CONSOLIDATED", get(it.id, owner).body.billingModel)
    it = change(it, { billingModel = "PER_LOCATION" }, member(it, "ADMIN", "ACTIVE", "{MANAGE_BILLING}")).body
    assert.equal("PER_LOCATION", it.billingModel)
    assert.equal("CONSOLIDATED", change(it, { billingModel = "CONSOLIDATED" }).body.billingModel)
  end)
end)
