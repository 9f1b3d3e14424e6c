-- What becomes of a provider over HTTP: every step, who may take it, what it leaves behind. Two who decide at once:
-- integration/provider_race_spec.lua; which changes the database lets through: integration/status_edges_spec.lua.

local domain = require "support.domain"
local statuses = require "support.status"
local test = require "medbookd.test"

local STEPS <const> = { "approve", "reject", "reset", "start-trial", "activate", "suspend", "reinstate", "cancel" }
local NEEDS_REASON <const> = { reject = true, suspend = true }

-- Of the column v; what follows is written into the text.
local function value(sql, ...) return (test.query(sql:format(...))[1] or {}).v end

describe("a provider's workflow", function()
  local admin, doctor, other, stranger, provider

  setup(function()
    test.query [[INSERT INTO "ProviderType" ("id", "name") VALUES ('bare', 'Asks nothing')]]
    admin, doctor, other = test.user { role = "ADMIN" }, test.user {}, test.user {}
    stranger = test.user {}
    test.query [[UPDATE "User" SET "email" = "id" || '@people.example', "emailVerified" = now()
      WHERE "id" LIKE 'test-user-%']]
    local function become(who)
      local r = test.post("/v1/providers", {
        name = "Dr Lesedi Nkosi", languages = { "English" }, email = "rooms@clinic.example", whatsapp = "+27115550100",
        providerTypeIds = { "bare" },
      }, { token = who.token })
      assert.equal(201, r.status, r.text)
      return r.body.id
    end
    provider = become(doctor)
    become(other)
  end)
  after_each(function() assert.same({}, domain.faults()) end)

  local function act(action, who, options)
    local all = { token = (who or admin).token }
    for key, given in pairs(options or {}) do all[key] = given end
    if NEEDS_REASON[action] and not all.body then all.body = { reason = "the certificate is not legible" } end
    return test.request("POST", ("/v1/providers/%s/%s"):format(provider, action), all)
  end

  local function is_refused(r, status, code)
    assert.equal(("%d %s"):format(status, code), ("%d %s"):format(r.status, tostring(r.body.code)), r.text)
  end

  local function is_done(r, status)
    assert.equal(("200 %s"):format(status), ("%d %s"):format(r.status, tostring(r.body.status)), r.text)
    return r.body
  end

  local function column(name)
    return value([[SELECT "%s"::text AS v FROM "Provider" WHERE "id" = '%s']], name, provider)
  end

  -- Takes the provider to a status past the API, in one step as far as the history knows.
  local function be(status)
    local before = column "status"
    domain.run(statuses.sql(before, status, ([["id" = '%s']]):format(provider)))
    if before ~= status then
      test.query([[INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus")
        VALUES ('Provider', $1, 'be', $2, $3)]], provider, before, status)
    end
  end

  -- What the last step left in the journals: history, event, audit.
  local function trace()
    return value([[SELECT concat_ws(' ', h."action", h."fromStatus", h."toStatus", h."userId" = '%s', h."reason",
        (SELECT o."type" || o."payload" FROM "Outbox" o WHERE o."resourceId" = h."resourceId"
          ORDER BY o."id" DESC LIMIT 1),
        (SELECT a."action" FROM "AuditLog" a WHERE a."resourceId" = h."resourceId" ORDER BY a."id" DESC LIMIT 1)) AS v
      FROM "StatusHistory" h WHERE h."resourceId" = '%s' ORDER BY h."id" DESC LIMIT 1]], admin.id, provider)
  end

  for _, case in ipairs {
    { "approve", { "PENDING_APPROVAL" }, "APPROVED", "approved" },
    { "reject", { "PENDING_APPROVAL" }, "REJECTED", "rejected" },
    { "reset", { "REJECTED", "CANCELLED" }, "PENDING_APPROVAL", "reset" },
    { "start-trial", { "APPROVED" }, "TRIAL", "trial_started", "doctor" },
    { "activate", { "TRIAL", "TRIAL_EXPIRED" }, "ACTIVE", "activated" },
    { "suspend", { "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE" }, "SUSPENDED", "suspended" },
    { "cancel", { "PENDING_APPROVAL", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE", "SUSPENDED" },
      "CANCELLED", "cancelled", "doctor" },
  } do
    local action, from, to, event, who = table.unpack(case, 1, 5)
    for _, status in ipairs(from) do
      it(("goes by %s from %s to %s"):format(action, status, to), function()
        be(status)
        local before = tonumber(column "version")
        local done = is_done(act(action, who and doctor), to)
        assert.equal(before + 1, done.version)
        assert.equal(to, column "status")
        local name = action:gsub("-", "_")
        assert.equal(("%s %s %s %s%s provider.%s%s PROVIDER_%s"):format(name, status, to, who and "f" or "t",
          NEEDS_REASON[action] and " the certificate is not legible" or "", event,
          ('{"status": "%s", "version": %d}'):format(to, before + 1), name:upper()), trace())
      end)
    end
    it(("goes by %s from no other status, and says what may be done"):format(action), function()
      local is_from = {}
      for _, status in ipairs(from) do is_from[status] = true end
      for _, status in ipairs { "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE",
                                "PAYMENT_OVERDUE", "SUSPENDED", "CANCELLED" } do
        be(status)
        if not is_from[status] then
          local r = act(action, who and doctor)
          is_refused(r, 409, status == to and "already_" .. to:lower() or "transition_not_allowed")
          assert.equal(status, r.body.currentStatus)
          assert.equal("table", type(r.body.allowed))
          assert.equal(status, column "status")
        end
      end
    end)
  end

  for _, status in ipairs { "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE", "PAYMENT_OVERDUE" } do
    it("comes back from a suspension to " .. status, function()
      be(status)
      is_done(act "suspend", "SUSPENDED")
      is_refused(act("reinstate", doctor), 403, "not_allowed")
      is_done(act "reinstate", status)
      assert.is_nil(column "suspendedFrom")
      is_refused(act "reinstate", 409, "transition_not_allowed")
    end)
  end

  it("comes back in service, when nobody knows what it was before, as of one that was imported", function()
    local imported = test.user {}
    test.query([[INSERT INTO "Provider" ("id", "name", "userId", "image", "status")
      VALUES ('imported', 'Dr Import', $1, '', 'SUSPENDED')]], imported.id)
    local r = test.post("/v1/providers/imported/reinstate", {}, { token = admin.token })
    assert.equal("200 ACTIVE", r.status .. " " .. tostring(r.body.status), r.text)
  end)

  it("has one trial, of the length that is set", function()
    be "APPROVED"
    local done = is_done(act("start-trial", doctor), "TRIAL")
    assert.equal("ACTIVE", done.trialStatus)
    assert.is_true(value([[SELECT "trialEnded" - "trialStarted" = interval '30 days' AS v FROM "Provider"
      WHERE "id" = '%s']], provider))
    is_refused(act("start-trial", doctor), 409, "already_trial")
    is_done(act("cancel", doctor), "CANCELLED")
    assert.equal("EXPIRED", column "trialStatus")
    is_done(act "reset", "PENDING_APPROVAL")
    is_done(act "approve", "APPROVED")
    local r = act("start-trial", doctor)
    is_refused(r, 409, "trial_used")
    assert.equal("APPROVED", r.body.currentStatus)
    assert.same({ "cancel" }, r.body.allowed)
  end)

  describe("on trial", function()
    local function trial()
      be "APPROVED"
      return is_done(act("start-trial", doctor), "TRIAL").trialEnded
    end

    -- So much before or after the end of the trial, with the jobs that are due then. Sessions last.
    local function at(span)
      test.query [[UPDATE "Session" SET "expiresAt" = '2200-01-01']]
      test.clock.set(value([[SELECT mb_instant("trialEnded" + '%s') AS v FROM "Provider" WHERE "id" = '%s']], span,
        provider))
      test.run_jobs()
    end

    local function told(event)
      return value([[SELECT count(*) AS v FROM "Outbox" WHERE "type" = 'provider.%s' AND "resourceId" = '%s']], event,
        provider)
    end

    it("is told once that it ends soon, and then that it is over", function()
      trial()
      at "-169 hours"
      assert.equal("0 ACTIVE", told "trial_ending" .. " " .. column "trialStatus")
      at "-167 hours"
      at "-24 hours"
      assert.equal("1 EXPIRING_SOON", told "trial_ending" .. " " .. column "trialStatus")
      assert.equal(1, value([[SELECT count(*) AS v FROM "Job" WHERE "kind" = 'server.mail'
        AND "payload" -> 'payload' ->> 'event' = 'provider.trial_ending'
        AND "payload" -> 'payload' ->> 'providerId' = '%s']], provider))
      assert.equal("TRIAL", column "status")
      at "1 minute"
      at "1 hour"
      assert.equal("1 EXPIRED", told "trial_expired" .. " " .. column "trialStatus")
      assert.equal("TRIAL_EXPIRED", column "status")
      assert.equal("expire_trial SERVER", value([[SELECT "action" || ' ' || coalesce("userId", 'SERVER') AS v
        FROM "StatusHistory" WHERE "resourceId" = '%s' ORDER BY "id" DESC LIMIT 1]], provider))
      is_done(act "activate", "ACTIVE")
    end)

    it("runs on while it is suspended", function()
      local ended = trial()
      is_done(act "suspend", "SUSPENDED")
      at "-24 hours"
      assert.equal("1 SUSPENDED", told "trial_ending" .. " " .. column "status")
      is_done(act "reinstate", "TRIAL")
      assert.equal(ended, test.get("/v1/me/provider", { token = doctor.token }).body.trialEnded)
      is_done(act "suspend", "SUSPENDED")
      at "1 minute"
      at "1 hour"
      assert.equal("1 SUSPENDED TRIAL_EXPIRED EXPIRED",
        ("%d %s %s %s"):format(told "trial_expired", column "status", column "suspendedFrom", column "trialStatus"))
      is_done(act "reinstate", "TRIAL_EXPIRED")
    end)

    it("is over for one who comes back after its end, also before the job has seen it", function()
      trial()
      is_done(act "suspend", "SUSPENDED")
      test.query([[UPDATE "Provider" SET "trialEnded" = mb_now() WHERE "id" = $1]], provider)
      assert.equal("EXPIRED", is_done(act "reinstate", "TRIAL_EXPIRED").trialStatus)
    end)

    it("ends no trial that was given up or subscribed", function()
      trial()
      is_done(act "activate", "ACTIVE")
      at "1 hour"
      assert.equal("0 ACTIVE CONVERTED", ("%d %s %s"):format(told "trial_expired", column "status",
        column "trialStatus"))
    end)
  end)

  it("tells its administrators when there is a new one, and itself what has become of it", function()
    test.run_jobs()
    assert.equal(1, value([[SELECT count(*) AS v FROM "Job" WHERE "kind" = 'server.mail'
      AND "payload" -> 'payload' ->> 'userId' = '%s' AND "payload" -> 'payload' ->> 'providerId' = '%s']], admin.id,
      provider))
    is_done(act "reject", "REJECTED")
    test.run_jobs()
    assert.equal("provider.created provider.rejected", value([[SELECT string_agg("payload" -> 'payload' ->> 'event', ' '
      ORDER BY "id") AS v FROM "Job" WHERE "kind" = 'server.mail' AND "payload" ->> 'kind' = 'provider-status'
      AND "payload" -> 'payload' ->> 'providerId' = '%s']], provider))
    assert.equal(0, value [[SELECT count(*) AS v FROM "Job" WHERE "status" = 'DEAD']])
  end)

  it("ends its trial with a subscription", function()
    be "APPROVED"
    is_done(act("start-trial", doctor), "TRIAL")
    assert.equal("CONVERTED", is_done(act "activate", "ACTIVE").trialStatus)
    assert.is_true(value([[SELECT "trialEnded" <= mb_now() AS v FROM "Provider" WHERE "id" = '%s']], provider))
  end)

  it("is decided by administrators, and led by the provider itself", function()
    for _, action in ipairs(STEPS) do
      local is_own = action == "start-trial" or action == "cancel"
      is_refused(act(action, is_own and admin or doctor), 403, "not_allowed")
      is_refused(act(action, stranger), 404, "not_found")
      is_refused(act(action, other), 404, "not_found")
      is_refused(test.request("POST", ("/v1/providers/%s/%s"):format(provider, action)), 401, "authentication_required")
    end
    assert.equal("1 PENDING_APPROVAL", column "version" .. " " .. column "status")
  end)

  it("wants a reason for what takes away, and keeps it", function()
    for _, body in ipairs { {}, { reason = "" }, { reason = ("x"):rep(1001) } } do
      is_refused(act("reject", admin, { body = body }), 422, "validation_failed")
      is_refused(act("suspend", admin, { body = body }), 422, "validation_failed")
    end
    assert.equal("the certificate is not legible", is_done(act "reject", "REJECTED").rejectionReason)
    assert.equal(test.null, is_done(act "reset", "PENDING_APPROVAL").rejectionReason)
    is_done(act("cancel", doctor, { body = { reason = "I retire" } }), "CANCELLED")
    assert.equal("I retire", value([[SELECT "reason" AS v FROM "StatusHistory" WHERE "resourceId" = '%s'
      AND "action" = 'cancel']], provider))
  end)

  it("notes who approved it and when, until it waits again", function()
    assert.equal(test.null, test.get("/v1/me/provider", { token = doctor.token }).body.approvedAt)
    assert.is_string(is_done(act "approve", "APPROVED").approvedAt)
    assert.equal(admin.id, column "approvedById")
    be "CANCELLED"
    assert.equal(test.null, is_done(act "reset", "PENDING_APPROVAL").approvedAt)
    assert.is_nil(column "approvedById")
  end)

  it("is approved when nothing is missing that the law asks, and else told what is", function()
    domain.run([[INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId", "isRequired")
      VALUES ('licence', 'Licence', 'BOOLEAN', 'bare', true)]])
    local r = act "approve"
    is_refused(r, 409, "requirements_incomplete")
    assert.equal(1, #r.body.missing)
    assert.equal("Licence NOT_SUBMITTED", r.body.missing[1].name .. " " .. r.body.missing[1].status)
    assert.equal("PENDING_APPROVAL", column "status")
    assert.equal(0, value([[SELECT count(*) AS v FROM "StatusHistory" WHERE "resourceId" = '%s']], provider))
    be "APPROVED"
    is_refused(act "approve", 409, "already_approved")
  end)

  it("repeats its answer for the same key, and minds the version", function()
    is_refused(act("approve", admin, { headers = { ["If-Match"] = '"7"' } }), 412, "version_mismatch")
    local key = { ["Idempotency-Key"] = "k1", ["If-Match"] = '"1"' }
    local first = act("approve", admin, { headers = key })
    assert.equal('200 "2"', first.status .. " " .. first.headers.etag)
    local again = act("approve", admin, { headers = key })
    assert.equal(200, again.status)
    assert.equal(first.text, again.text)
    assert.equal(1, value([[SELECT count(*) AS v FROM "StatusHistory" WHERE "resourceId" = '%s']], provider))
    is_done(act("suspend", admin, { headers = { ["Idempotency-Key"] = "k2" } }), "SUSPENDED")
    is_refused(act("suspend", admin, { headers = { ["Idempotency-Key"] = "k2" }, body = { reason = "another" } }), 422,
      "idempotency_mismatch")
  end)

  it("tells what became of it, in pages", function()
    is_done(act "reject", "REJECTED")
    is_done(act "reset", "PENDING_APPROVAL")
    is_done(act "approve", "APPROVED")
    is_done(act("start-trial", doctor), "TRIAL")
    local path = ("/v1/providers/%s/history"):format(provider)
    local r = test.get(path .. "?limit=3", { token = doctor.token })
    assert.equal(200, r.status, r.text)
    local steps = {}
    for i, row in ipairs(r.body.data) do
      steps[i] = ("%s %s %s"):format(row.action, row.toStatus, row.by)
    end
    assert.same({ "reject REJECTED ADMIN", "reset PENDING_APPROVAL ADMIN", "approve APPROVED ADMIN" }, steps)
    assert.equal("the certificate is not legible", r.body.data[1].reason)
    local rest = test.get(path .. "?cursor=" .. r.body.nextCursor, { token = admin.token }).body
    assert.equal("1 start_trial PROVIDER", ("%d %s %s"):format(#rest.data, rest.data[1].action, rest.data[1].by))
    assert.equal(test.null, rest.nextCursor)
    is_refused(test.get(path, { token = other.token }), 404, "not_found")
  end)

  describe("and whoever looks at it", function()
    local function look(who)
      return test.get("/v1/providers/" .. provider, { token = who and who.token })
    end

    it("sees it in any status as itself or an administrator, as it is found else", function()
      for _, status in ipairs { "PENDING_APPROVAL", "APPROVED", "SUSPENDED", "CANCELLED" } do
        be(status)
        for _, who in ipairs { doctor, admin } do
          local r = look(who)
          assert.equal("200 " .. status, r.status .. " " .. tostring(r.body.status), r.text)
          assert.equal(('"%d"'):format(r.body.version), r.headers.etag)
          assert.same({ "bare" }, r.body.providerTypeIds)
          assert.same({ "Asks nothing" }, r.body.types)
        end
        assert.equal(404, look().status)
        assert.equal(404, look(other).status)
      end
    end)

    it("sees what everybody sees, when it is in service", function()
      be "ACTIVE"
      local everybody = look()
      assert.equal(200, everybody.status, everybody.text)
      for _, name in ipairs { "status", "rejectionReason", "trialStatus", "version", "createdAt" } do
        assert.is_nil(everybody.body[name])
      end
      assert.is_nil(everybody.headers.etag)
      assert.equal(everybody.text, look(other).text)
      assert.equal("ACTIVE", look(doctor).body.status)
    end)

    it("sees prices that nobody is shown, as itself", function()
      be "ACTIVE"
      domain.run(([[INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
        VALUES ('dear', 'Dear', 30, 450, 'bare');
        INSERT INTO "ServiceAvailabilityConfig" ("serviceId", "providerId", "duration", "price", "isOnlineAvailable",
          "isStanding")
        VALUES ('dear', '%s', 30, 450, true, true);
        UPDATE "Provider" SET "showPrice" = false WHERE "id" = '%s']]):format(provider, provider))
      assert.equal(test.null, look().body.services[1].price)
      assert.equal("450.00", look(doctor).body.services[1].price)
    end)
  end)
end)
