-- What becomes of an organization over HTTP. The steps are those of providers (provider_states_spec.lua), for other
-- people; here is what organizations have of their own, and that every step reaches them.

local domain = require "support.domain"
local statuses = require "support.status"
local test = require "medbookd.test"

local NEEDS_REASON <const> = { reject = true, suspend = true }

-- Of the column v; what follows is written into the text.
local function value(sql, ...) return (test.query(sql:format(...))[1] or {}).v end

describe("an organization's workflow", function()
  local admin, owner, chief, stranger, organization

  setup(function()
    admin, owner, chief, stranger = test.user { role = "ADMIN" }, test.user {}, test.user {}, test.user {}
    test.query [[UPDATE "User" SET "email" = "id" || '@people.example', "emailVerified" = now()
      WHERE "id" LIKE 'test-user-%']]
    local r = test.post("/v1/organizations", { name = "Umoya Family Health", phone = "+27115550001" },
      { token = owner.token })
    assert.equal(201, r.status, r.text)
    organization = r.body.id
    test.query([[INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role") VALUES ($1, $2, 'ADMIN')]],
      organization, chief.id)
    test.query([[INSERT INTO "Location" ("id", "organizationId", "name", "googlePlaceId", "formattedAddress",
        "coordinates") VALUES ('house', $1, 'House', 'house', 'x', '{"lat": 0, "lng": 0}')]], organization)
  end)
  after_each(function() assert.same({}, domain.faults()) end)

  local function act(action, who, options)
    local all = { token = (who or admin).token }
    for key, given in pairs(options or {}) do all[key] = given end
    if NEEDS_REASON[action] and not all.body then all.body = { reason = "nobody is there" } end
    return test.request("POST", ("/v1/organizations/%s/%s"):format(organization, action), all)
  end

  local function is_refused(r, status, code)
    assert.equal(("%d %s"):format(status, code), ("%d %s"):format(r.status, tostring(r.body.code)), r.text)
    return r.body
  end

  local function is_done(r, status)
    assert.equal(("200 %s"):format(status), ("%d %s"):format(r.status, tostring(r.body.status)), r.text)
    return r.body
  end

  local function column(name)
    return value([[SELECT "%s"::text AS v FROM "Organization" WHERE "id" = '%s']], name, organization)
  end

  -- Takes it to a status past the API.
  local function be(status)
    domain.run(statuses.sql(column "status", status, ([["id" = '%s']]):format(organization), "Organization"))
  end

  for _, case in ipairs {
    { "approve", "PENDING_APPROVAL", "APPROVED", "approved" },
    { "reject", "PENDING_APPROVAL", "REJECTED", "rejected" },
    { "reset", "CANCELLED", "PENDING_APPROVAL", "reset" },
    { "start-trial", "APPROVED", "TRIAL", "trial_started", true },
    { "activate", "TRIAL_EXPIRED", "ACTIVE", "activated" },
    { "suspend", "ACTIVE", "SUSPENDED", "suspended" },
    { "cancel", "ACTIVE", "CANCELLED", "cancelled", true },
  } do
    local action, from, to, event, is_own = table.unpack(case, 1, 5)
    it(("goes by %s from %s to %s"):format(action, from, to), function()
      be(from)
      local version = tonumber(column "version") + 1
      local done = is_done(act(action, is_own and owner), to)
      assert.same(done, test.get("/v1/organizations/" .. organization, { token = owner.token }).body)
      assert.equal(version, done.version)
      local name = action:gsub("-", "_")
      assert.equal(('%s %s %s %s%s organization.%s{"status": "%s", "version": %d} ORGANIZATION_%s'):format(name, from,
        to, is_own and owner.id or admin.id, NEEDS_REASON[action] and " nobody is there" or "", event, to, version,
        name:upper()), value([[SELECT concat_ws(' ', h."action", h."fromStatus", h."toStatus", h."userId", h."reason",
          (SELECT o."type" || o."payload" FROM "Outbox" o WHERE o."resourceId" = h."resourceId"
            ORDER BY o."id" DESC LIMIT 1),
          (SELECT a."action" FROM "AuditLog" a WHERE a."resourceId" = h."resourceId" ORDER BY a."id" DESC LIMIT 1)) AS v
        FROM "StatusHistory" h WHERE h."resourceId" = '%s' ORDER BY h."id" DESC LIMIT 1]], organization))
      local again = is_refused(act(action, is_own and owner), 409, "already_" .. to:lower())
      assert.equal(to, again.currentStatus)
    end)
  end

  it("comes back from a suspension to what it was", function()
    be "PAYMENT_OVERDUE"
    is_done(act "suspend", "SUSPENDED")
    is_refused(act("reinstate", owner), 403, "not_allowed")
    is_done(act "reinstate", "PAYMENT_OVERDUE")
  end)

  it("is approved once it has an active owner, a location and a way to be reached, and told what is missing", function()
    test.query([[UPDATE "Organization" SET "phone" = NULL WHERE "id" = $1]], organization)
    assert.same({ "contact" }, is_refused(act "approve", 409, "organization_incomplete").missing)
    test.query [[DELETE FROM "Location" WHERE "id" = 'house']]
    test.query([[UPDATE "OrganizationMembership" SET "status" = 'SUSPENDED' WHERE "organizationId" = $1]], organization)
    assert.same({ "owner", "location", "contact" }, is_refused(act "approve", 409, "organization_incomplete").missing)
    test.query([[UPDATE "OrganizationMembership" SET "status" = 'ACTIVE', "role" = 'ADMIN'
      WHERE "organizationId" = $1]], organization)
    test.query([[UPDATE "Organization" SET "email" = 'hello@umoya.example' WHERE "id" = $1]], organization)
    assert.same({ "owner", "location" }, is_refused(act "approve", 409, "organization_incomplete").missing)
    assert.equal("PENDING_APPROVAL", column "status")
    is_done(act "reject", "REJECTED") -- and rejected as it is
  end)

  it("is decided by administrators of the platform, and led by its owners", function()
    for action, is_own in pairs {
      approve = false, reject = false, reset = false, activate = false, suspend = false, reinstate = false,
      ["start-trial"] = true, cancel = true,
    } do
      is_refused(act(action, is_own and admin or owner), 403, "not_allowed")
      is_refused(act(action, chief), 403, "not_allowed")
      is_refused(act(action, stranger), 404, "not_found")
    end
    be "ACTIVE"
    is_refused(act("cancel", stranger), 403, "not_allowed") -- everybody sees it now
    assert.equal("ACTIVE", column "status")
  end)

  it("has one trial, which the job ends, telling it before", function()
    test.run_jobs() -- so that the schedules have begun
    be "APPROVED"
    local trial = is_done(act("start-trial", owner), "TRIAL")
    assert.is_true(value([[SELECT "trialEnded" - "trialStarted" = interval '30 days' AS v FROM "Organization"
      WHERE "id" = '%s']], organization))
    test.query [[UPDATE "Session" SET "expiresAt" = '2200-01-01']]
    local function at(span)
      test.clock.set(value([[SELECT mb_instant("trialEnded" + '%s') AS v FROM "Organization" WHERE "id" = '%s']], span,
        organization))
      test.run_jobs()
      return ("%s %s %s"):format(column "status", column "trialStatus",
        value([[SELECT count(*)::text AS v FROM "Outbox" WHERE "resourceId" = '%s'
          AND "type" LIKE 'organization.trial_e%%']], organization))
    end
    assert.equal("TRIAL ACTIVE 0", at "-169 hours")
    assert.equal("TRIAL EXPIRING_SOON 1", at "-167 hours")
    assert.equal("TRIAL_EXPIRED EXPIRED 2", at "1 minute")
    assert.equal(trial.version + 2, tonumber(column "version"))
    is_done(act("cancel", owner), "CANCELLED")
    is_done(act "reset", "PENDING_APPROVAL")
    is_done(act "approve", "APPROVED")
    local r = is_refused(act("start-trial", owner), 409, "trial_used")
    assert.same({ "cancel" }, r.allowed)
  end)

  it("is told by the same connection as providers that its trial ends soon", function()
    test.query([[INSERT INTO "Provider" ("id", "name", "userId", "image", "status", "trialStatus", "trialEnded")
      VALUES ('trying', 'x', $1, '', 'TRIAL', 'ACTIVE', mb_now() + interval '1 day')]], stranger.id)
    test.query [[INSERT INTO "Organization" ("id", "name", "status", "trialStatus", "trialEnded")
      VALUES ('trying', 'x', 'TRIAL', 'ACTIVE', mb_now() + interval '1 day')]]
    for _, name in ipairs { "Organization", "Provider", "Organization" } do
      local event = value([[SELECT mb_note_trial('%s', 'trying', '7d') AS v]], name)
      assert.equal("EXPIRING_SOON", value([[SELECT "trialStatus" AS v FROM "%s" WHERE "id" = 'trying']], name))
      assert.is_true(event == nil or event == name:lower() .. ".trial_ending")
    end
  end)

  it("ends a trial also while it is suspended", function()
    test.run_jobs()
    be "APPROVED"
    is_done(act("start-trial", owner), "TRIAL")
    is_done(act "suspend", "SUSPENDED")
    test.query [[UPDATE "Session" SET "expiresAt" = '2200-01-01']]
    test.clock.set(value([[SELECT mb_instant("trialEnded" + '1 minute') AS v FROM "Organization" WHERE "id" = '%s']],
      organization))
    test.run_jobs()
    assert.equal("SUSPENDED TRIAL_EXPIRED EXPIRED",
      ("%s %s %s"):format(column "status", column "suspendedFrom", column "trialStatus"))
    is_done(act "reinstate", "TRIAL_EXPIRED")
  end)

  it("keeps what became of it, for its members and administrators", function()
    is_done(act "approve", "APPROVED")
    is_done(act("cancel", owner, { body = { reason = "we close" } }), "CANCELLED")
    test.query([[INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus")
      VALUES ('Organization', $1, 'pay', 'PAYMENT_OVERDUE', 'ACTIVE')]], organization)
    local path = ("/v1/organizations/%s/history"):format(organization)
    for _, who in ipairs { owner, chief, admin } do
      local steps = {}
      for i, row in ipairs(test.get(path, { token = who.token }).body.data) do
        steps[i] = row.action .. " " .. row.by
      end
      assert.same({ "approve ADMIN", "cancel ORGANIZATION", "pay SERVER" }, steps)
    end
    is_refused(test.get(path, { token = stranger.token }), 404, "not_found")
  end)

  it("takes a repeated step once, and none that was decided on another version", function()
    local options = { headers = { ["Idempotency-Key"] = "approve-once" } }
    local first, second = act("approve", admin, options), act("approve", admin, options)
    assert.equal("200 200", first.status .. " " .. second.status)
    assert.equal(first.text, second.text)
    is_refused(act("suspend", admin, { headers = { ["If-Match"] = '"1"' } }), 412, "version_mismatch")
    assert.equal("APPROVED", column "status")
  end)
end)
