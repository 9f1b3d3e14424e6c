-- What providers answer and what becomes of it, over HTTP: a provider of two types that ask for answers of every kind.

local domain = require "support.domain"
local test = require "medbookd.test"

local TYPES <const> = [[
INSERT INTO "ProviderType" ("id", "name", "slug")
VALUES ('s-type', 'Midwife', 'midwife'), ('s-other', 'Doula', 'doula');
INSERT INTO "RequirementType" ("id", "name", "slug", "validationType", "isRequired", "displayPriority",
                               "providerTypeId", "validationConfig") VALUES
  ('s-member', 'Member', 'member', 'BOOLEAN', true, 1, 's-type', '{}'),
  ('s-number', 'Number', 'number', 'TEXT', true, 2, 's-type', '{"pattern": "^MW\\d{4}$", "trimWhitespace": true}'),
  ('s-paper', 'Paper', 'paper', 'DOCUMENT', true, 3, 's-type', '{"expiresWith": "until"}'),
  ('s-until', 'Until', 'until', 'FUTURE_DATE', true, 4, 's-type', '{"minDaysInFuture": 30, "warningThreshold": 60}'),
  ('s-born', 'Born', 'born', 'DATE', false, 5, 's-type', '{"minDate": "1930-01-01"}'),
  ('s-year', 'Year', 'year', 'PAST_DATE', false, 6, 's-type', '{"dateFormat": "YYYY", "minYear": 1960}'),
  ('s-births', 'Births', 'births', 'NUMBER', false, 7, 's-type', '{"min": 0, "isInteger": true}'),
  ('s-school', 'School', 'school', 'PREDEFINED_LIST', false, 8, 's-type',
   '{"options": [{"value": "uct", "label": "UCT"}], "allowOther": true, "allowMultiple": true}'),
  ('s-course', 'Course', 'course', 'BOOLEAN', true, 1, 's-other', '{}'),
  ('s-gone', 'Gone', 'gone', 'TEXT', true, 9, 's-type', '{}');
UPDATE "RequirementType" SET "isActive" = false WHERE "id" = 's-gone';
INSERT INTO "Provider" ("id", "name", "userId", "image", "timeZone")
VALUES ('s-provider', 'x', '%s', '', 'Africa/Johannesburg');
INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('s-provider', 's-type');
]]

describe("answers of a provider", function()
  local owner, admin, stranger

  before_each(function()
    owner, admin, stranger = test.user(), test.user { role = "ADMIN" }, test.user()
    test.clock.set "2026-03-01T08:00:00Z"
    domain.run(TYPES:format(owner.id))
    test.query [[DELETE FROM "RequirementSubmission" WHERE "providerId" <> 's-provider']] -- the demo clinic's
  end)

  local function ask(who, method, path, body, headers)
    return test.request(method, "/v1/providers/s-provider/submissions" .. (path or ""),
      { token = who.token, body = body, headers = headers })
  end

  local function put(requirement, body, who) return ask(who or owner, "PUT", "/" .. requirement, body) end

  local function review(requirement, action, body, headers)
    return ask(admin, "POST", ("/%s/%s"):format(requirement, action), body or {}, headers)
  end

  local function one(requirement)
    for _, it in ipairs(ask(owner, "GET").body.data) do
      if it.requirementTypeId == requirement then return it end
    end
  end

  local function until_when()
    return test.query([[SELECT coalesce("compliantUntil"::text, 'never') AS v FROM "Provider"
      WHERE "id" = 's-provider']])[1].v
  end

  local function count(from) return test.query("SELECT count(*)::integer AS n FROM " .. from)[1].n end

  local function approve(requirement)
    local r = review(requirement, "approve")
    assert.equal(200, r.status, r.text)
    return r.body
  end

  -- As an upload leaves it.
  local function upload(requirement)
    test.query([[INSERT INTO "RequirementSubmission" ("providerId", "requirementTypeId", "documentMetadata")
      VALUES ('s-provider', $1, '{"fileId": "hidden", "fileName": "a.pdf"}')]], requirement)
  end

  local function comply()
    put("s-member", { value = true })
    put("s-number", { value = "MW0001" })
    put("s-until", { value = "2026-12-31" })
    upload "s-paper"
    for _, it in ipairs { "s-member", "s-number", "s-paper", "s-until" } do approve(it) end
  end

  local function refused(r, status, code, pointer)
    assert.equal(("%d %s"):format(status, code), ("%d %s"):format(r.status, r.body.code), r.text)
    if pointer then assert.equal(pointer, r.body.errors[1].pointer, r.text) end
    return r.body
  end

  it("are shown for each thing that is asked, in its order, also where there is none", function()
    local r = ask(owner, "GET")
    assert.equal(200, r.status, r.text)
    local keys = {}
    for i, it in ipairs(r.body.data) do
      keys[i] = it.key
      assert.equal("NOT_SUBMITTED", it.status)
      assert.equal(test.null, it.answer)
    end
    assert.same({ "midwife.member", "midwife.number", "midwife.paper", "midwife.until", "midwife.born", "midwife.year",
                  "midwife.births", "midwife.school" }, keys)
    assert.is_true(r.body.data[1].isRequired)
    assert.is_false(r.body.data[5].isRequired)
    assert.equal(60, r.body.data[4].config.warningThreshold)
    assert.equal("database", r.body.data[4].sources.warningThreshold)
  end)

  it("are kept as they are meant, of whatever kind", function()
    for requirement, case in pairs {
      ["s-member"] = { { value = true }, { value = true } },
      ["doula.course"] = { { value = "false" }, { value = false } },
      ["s-number"] = { { value = " MW0001 " }, { value = "MW0001" } },
      ["s-until"] = { { value = "2026-12-31" }, { value = "2026-12-31" } },
      ["s-born"] = { { value = "1980-02-29" }, { value = "1980-02-29" } },
      ["s-year"] = { { value = 2004 }, { value = "2004" } }, ["midwife.births"] = { { value = 12 }, { value = 12 } },
      ["s-school"] = { { values = { "uct", "other" }, other = "Oxford" },
                       { values = { "uct", "other" }, other = "Oxford" } },
    } do
      local r = put(requirement, case[1])
      assert.equal(200, r.status, r.text)
      assert.same(case[2], r.body.answer)
      assert.equal("PENDING", r.body.status)
    end
    assert.equal(8, count [["Outbox" WHERE "type" = 'submission.created']])
    assert.equal(8, count(([["AuditLog" WHERE "action" = 'SUBMISSION_CREATED' AND "userId" = '%s']]):format(owner.id)))
    assert.equal("doula.course", ask(owner, "GET").body.data[1].key) -- of a type that the provider is not of yet
    assert.is_false(ask(owner, "GET").body.data[1].isRequired)
  end)

  it("are refused with the pointer of what is wrong", function()
    for _, case in ipairs {
      { "s-member", { value = "yes" }, "/value" }, { "s-member", { value = 1 }, "/value" },
      { "s-member", { values = { "true" } }, "/values" }, { "s-member", { value = true, other = "x" }, "/other" },
      { "s-number", { value = true }, "/value" }, { "s-number", { value = "XX" }, "/value" },
      { "s-number", { value = "MW0001\u{202e}" }, "/value" }, { "s-number", { value = { "MW0001" } }, "/value" },
      { "s-until", { value = "2026-03-20" }, "/value" }, { "s-until", { value = "2026-02-30" }, "/value" },
      { "s-born", { value = "1929-12-31" }, "/value" }, { "s-year", { value = 2027 }, "/value" },
      { "s-births", { value = 1.5 }, "/value" }, { "s-births", { value = -1 }, "/value" },
      { "s-school", { values = { "x" } }, "/values" }, { "s-school", { value = "x" }, "/value" },
      { "s-school", { values = {} }, "/values" }, { "s-school", { value = "uct", values = { "uct" } }, "/values" },
      { "s-paper", { value = "x" }, "/value" }, { "s-number", {}, "/value" },
      { "s-number", { value = "MW0001", notes = "fine", status = "APPROVED" }, "/notes" },
    } do
      refused(put(case[1], case[2]), 422, "validation_failed", case[3])
    end
    assert.equal(0, count [["RequirementSubmission" WHERE "providerId" = 's-provider']])
  end)

  it("are to what is asked: nothing retired, nothing unknown", function()
    for _, requirement in ipairs { "s-gone", "midwife.gone", "nothing", "midwife", "midwife.member.x",
                                   "doula.member" } do
      refused(put(requirement, { value = "x" }), 404, "not_found")
      refused(review(requirement, "approve"), 404, "not_found")
    end
    test.query [[UPDATE "ProviderType" SET "isActive" = false WHERE "id" = 's-other']]
    refused(put("s-course", { value = true }), 404, "not_found")
  end)

  it("belong to the provider and those who administer the platform, who alone review", function()
    assert.equal(404, ask(stranger, "GET").status)
    assert.equal(404, put("s-member", { value = true }, stranger).status)
    assert.equal(401, test.get("/v1/providers/s-provider/submissions").status)
    assert.equal(200, put("s-member", { value = true }, admin).status)
    for _, action in ipairs { "approve", "reject" } do
      local body = action == "reject" and { reason = "x" } or {}
      assert.equal(403, ask(owner, "POST", "/s-member/" .. action, body).status)
      assert.equal(404, ask(stranger, "POST", "/s-member/" .. action, body).status)
    end
    assert.equal(404, test.get("/v1/submissions", { token = owner.token }).status)
    assert.equal(404, test.get("/v1/providers/nobody/submissions", { token = admin.token }).status)
  end)

  it("change nothing when they are sent again, and wait again when they are another", function()
    put("s-number", { value = "MW0001" })
    approve "s-number"
    local before = one "s-number"
    assert.equal("APPROVED", put("s-number", { value = "MW0001 " }).body.status)
    assert.same(before, one "s-number")
    assert.equal(1, count [["Outbox" WHERE "resource" = 'RequirementSubmission' AND "type" <> 'submission.approved']])
    local r = put("s-number", { value = "MW0002" })
    assert.equal("PENDING", r.body.status)
    assert.equal(before.approvedAt, r.body.approvedAt)
    assert.same({ { v = "MW0001" } }, test.query [[SELECT "approvedMetadata" ->> 'value' AS v
      FROM "RequirementSubmission" WHERE "requirementTypeId" = 's-number']])
    assert.equal(1, count [["StatusHistory" WHERE "resource" = 'RequirementSubmission' AND "action" = 'answer'
      AND "fromStatus" = 'APPROVED' AND "toStatus" = 'PENDING']])
  end)

  describe("that are reviewed", function()
    it("make the provider comply once all that is required is approved, until the first of it lapses", function()
      put("s-member", { value = true })
      put("s-number", { value = "MW0001" })
      put("s-until", { value = "2026-12-31" })
      upload "s-paper"
      for _, it in ipairs { "s-member", "s-number", "s-until" } do
        approve(it)
        assert.equal("never", until_when())
      end
      local r = approve "s-paper"
      assert.equal("APPROVED", r.status)
      assert.same({ fileName = "a.pdf" }, r.answer)
      assert.same({ fileName = "a.pdf" }, one("s-paper").answer)
      assert.equal("2026-12-31 22:00:00+00", until_when()) -- the next midnight in Johannesburg
      assert.equal("2026-12-31T22:00:00.000Z", one("s-paper").expiresAt)
      assert.equal(test.null, one("s-member").expiresAt)
    end)

    it("are told to the provider with the reason, which is nobody else's to write", function()
      put("s-number", { value = "MW0001" })
      local r = review("s-number", "reject", { reason = "  Not in the register. " })
      assert.equal(200, r.status, r.text)
      assert.equal("REJECTED", r.body.status)
      assert.equal("Not in the register.", one("s-number").notes)
      put("s-number", { value = "MW0002" })
      assert.equal(test.null, one("s-number").notes)
      for _, body in ipairs { { reason = " " }, { reason = ("x"):rep(1001) }, { reason = 5 }, {} } do
        refused(review("s-number", "reject", body), 422, "validation_failed", "/reason")
      end
      refused(review("s-number", "approve", { reason = "x" }), 422, "validation_failed", "/reason")
    end)

    it("wait again when what was rejected is sent as it was", function()
      put("s-number", { value = "MW0001" })
      review("s-number", "reject", { reason = "x" })
      assert.equal("PENDING", put("s-number", { value = "MW0001" }).body.status)
    end)

    it("keep the approved copy when another one waits or is rejected, and lose it when it is revoked", function()
      comply()
      local ends = until_when()
      put("s-number", { value = "MW0002" })
      assert.equal(ends, until_when())
      assert.equal("REJECTED", review("s-number", "reject", { reason = "x" }).body.status)
      assert.equal(ends, until_when())
      refused(review("s-number", "reject", { reason = "x" }), 409, "already_rejected")
      local after = review("s-number", "reject", { reason = "now both", revoke = true }, { ["Idempotency-Key"] = "k" })
      assert.equal("now both", after.body.notes)
      assert.equal("never", until_when())
      assert.equal(after.text, review("s-number", "reject", { reason = "now both", revoke = true },
        { ["Idempotency-Key"] = "k" }).text)
      refused(review("s-number", "reject", { reason = "x", revoke = true }), 409, "already_rejected")
      put("s-number", { value = "MW0001" })
      approve "s-number"
      put("s-number", { value = "MW0003" })
      local r = review("s-number", "reject", { reason = "x", revoke = true })
      assert.equal(test.null, r.body.approvedAt)
      assert.equal("never", until_when())
      assert.equal("REJECTED", review("s-member", "reject", { reason = "x", revoke = true }).body.status)
    end)

    it("go one step only", function()
      put("s-number", { value = "MW0001" })
      approve "s-number"
      local r = refused(review("s-number", "approve"), 409, "already_approved")
      assert.same({ "answer", "revoke" }, r.allowed)
      refused(review("s-number", "reject", { reason = "x" }), 409, "transition_not_allowed")
      r = refused(review("s-member", "approve"), 409, "transition_not_allowed")
      assert.equal("NOT_SUBMITTED", r.currentStatus)
    end)

    it("are those that were seen, where If-Match says so", function()
      put("s-number", { value = "MW0001" })
      local seen = one("s-number").version
      put("s-number", { value = "MW0002" })
      refused(review("s-number", "approve", {}, { ["If-Match"] = ('"%d"'):format(seen) }), 412, "version_mismatch")
      assert.equal("PENDING", one("s-number").status)
      seen = one("s-number").version
      assert.equal(200, review("s-number", "approve", {}, { ["If-Match"] = ('"%d"'):format(seen) }).status)
    end)

    it("answer a repetition as the first time", function()
      put("s-number", { value = "MW0001" })
      local key = { ["Idempotency-Key"] = "k1" }
      local first = review("s-number", "approve", {}, key)
      put("s-number", { value = "MW0002" })
      assert.equal(first.text, review("s-number", "approve", {}, key).text)
      assert.equal("PENDING", one("s-number").status)
    end)
  end)

  describe("that were approved", function()
    local function mails()
      return test.query [[SELECT "payload" -> 'payload' ->> 'providerId' AS provider,
          jsonb_array_length("payload" -> 'payload' -> 'submissionIds') AS n
        FROM "Job" WHERE "kind" = 'server.mail' AND "payload" ->> 'kind' = 'answers-lapse' ORDER BY "createdAt"]]
    end

    before_each(function()
      comply()
      test.query [[UPDATE "Provider" SET "status" = 'APPROVED', "approvedAt" = mb_now() WHERE "id" = 's-provider']]
      test.query [[UPDATE "Provider" SET "status" = 'TRIAL' WHERE "id" = 's-provider']]
    end)

    local function is_open()
      return test.query [[SELECT refusal FROM mb_provider_standing() WHERE "id" = 's-provider']][1].refusal == nil
    end

    it("hide their provider from the moment that one lapses, without a job, until another is approved", function()
      test.clock.set "2026-12-31T21:59:59Z"
      assert.is_true(is_open())
      test.clock.set "2026-12-31T22:00:00Z"
      assert.is_false(is_open())
      assert.equal("EXPIRED", one("s-until").status)
      put("s-until", { value = "2027-12-31" })
      approve "s-until"
      assert.is_false(is_open()) -- the paper has lapsed with it
      test.query [[UPDATE "RequirementSubmission" SET "documentMetadata" = '{"fileName": "b.pdf"}',
        "submittedAt" = mb_now() WHERE "requirementTypeId" = 's-paper']]
      approve "s-paper"
      assert.is_true(is_open())
      assert.equal("2027-12-31 22:00:00+00", until_when())
    end)

    it("are open again once they have lapsed, and say so", function()
      put("s-number", { value = "MW0002" })
      test.clock.set "2026-12-31T22:00:00Z"
      test.run_jobs()
      for _, it in ipairs { "s-until", "s-paper" } do
        assert.equal("EXPIRED", one(it).status)
        assert.equal(test.null, one(it).approvedAt)
        assert.equal(1, count(([["Outbox" WHERE "type" = 'submission.lapsed' AND "resourceId" = (
          SELECT "id" FROM "RequirementSubmission" WHERE "requirementTypeId" = '%s')]]):format(it)))
      end
      assert.equal("APPROVED", one("s-member").status)
      assert.equal(2, count [["StatusHistory" WHERE "action" = 'lapse' AND "userId" IS NULL]])
      test.run_jobs()
      assert.equal(2, count [["Outbox" WHERE "type" = 'submission.lapsed']])
      local r = refused(review("s-until", "approve"), 409, "transition_not_allowed")
      assert.equal("NOT_SUBMITTED", r.currentStatus)
      local waiting = test.get("/v1/submissions?sort=waiting", { token = admin.token }).body.data
      assert.equal(1, #waiting)
      assert.equal("midwife.number", waiting[1].key)
    end)

    it("are answered anew by what was answered before, once they have lapsed", function()
      test.query [[UPDATE "RequirementSubmission" SET "expiresAt" = mb_now() WHERE "requirementTypeId" = 's-member']]
      test.run_jobs()
      test.clock.set "2026-03-01T08:01:00Z"
      test.run_jobs()
      assert.equal("EXPIRED", one("s-member").status)
      assert.equal("PENDING", put("s-member", { value = true }).body.status)
      approve "s-member"
      assert.equal("2026-12-31 22:00:00+00", until_when())
    end)

    it("that wait in another copy lose the one that counted when it lapses, and are judged all the same", function()
      put("s-until", { value = "2027-06-30" })
      test.clock.set "2026-12-31T22:00:00Z"
      test.run_jobs()
      assert.equal("PENDING", one("s-until").status)
      assert.equal(test.null, one("s-until").approvedAt)
      approve "s-until"
      assert.equal("2027-06-30T22:00:00.000Z", one("s-until").expiresAt)
    end)

    it("cannot be approved after their last day", function()
      put("s-until", { value = "2027-01-31" })
      test.clock.set "2027-01-31T22:00:00Z"
      refused(review("s-until", "approve"), 409, "answer_expired")
      assert.equal("PENDING", one("s-until").status)
    end)

    it("are told of as many days before as the requirement says, once, in one mail", function()
      test.clock.set "2026-10-31T21:59:59Z"
      test.run_jobs()
      assert.same({}, mails())
      assert.equal(test.null, one("s-until").warning)
      test.clock.set "2026-10-31T22:00:00Z"
      test.run_jobs()
      assert.same({ { provider = "s-provider", n = 2 } }, mails())
      assert.equal("ends in 60 days", one("s-until").warning)
      assert.equal("ends in 60 days", one("s-paper").warning)
      test.clock.set "2026-11-02T22:00:00Z"
      test.run_jobs()
      assert.equal(1, #mails())
    end)

    it("lapse with the day of their provider, also when its zone becomes another one", function()
      local etag = test.get("/v1/me/provider", { token = owner.token }).headers.etag
      assert.equal(200, test.patch("/v1/providers/s-provider", { timeZone = "Asia/Tokyo" },
        { token = owner.token, headers = { ["If-Match"] = etag } }).status)
      test.run_jobs()
      assert.equal("2026-12-31 15:00:00+00", until_when())
    end)

    describe("do not keep their provider where more is asked", function()
      local function ask_more(how)
        test.clock.set "2026-03-02T08:00:00Z"
        local r = test.post("/v1/requirement-types", {
          name = "Vaccination", providerTypeId = "s-type", validationType = "BOOLEAN", isRequired = how.isRequired,
        }, { token = admin.token })
        assert.equal(201, r.status, r.text)
        test.run_jobs()
        return r.body.id, r.headers.etag
      end

      it("before sixty days are over", function()
        local id = ask_more { isRequired = true }
        assert.equal("2026-05-01 08:00:00+00", until_when())
        assert.equal("required from 2026-05-01 on", one(id).warning)
        assert.is_true(one(id).isRequired)
        test.clock.set "2026-05-01T07:59:59Z"
        assert.is_true(is_open())
        test.clock.set "2026-05-01T08:00:00Z"
        assert.is_false(is_open())
        put(id, { value = true })
        approve(id)
        assert.is_true(is_open())
      end)

      it("before sixty days are over, where it was there and becomes required", function()
        local id, etag = ask_more { isRequired = false }
        assert.equal("2026-12-31 22:00:00+00", until_when())
        test.clock.set "2026-09-01T08:00:00Z"
        assert.equal(200, test.patch("/v1/requirement-types/" .. id, { isRequired = true },
          { token = admin.token, headers = { ["If-Match"] = etag } }).status)
        test.run_jobs()
        assert.equal("2026-10-31 08:00:00+00", until_when())
      end)

      it("at once, where the provider is approved later", function()
        test.query [[UPDATE "Provider" SET "status" = 'CANCELLED' WHERE "id" = 's-provider']]
        test.query [[UPDATE "Provider" SET "status" = 'PENDING_APPROVAL', "approvedAt" = NULL
          WHERE "id" = 's-provider']]
        ask_more { isRequired = true }
        assert.equal("never", until_when())
      end)
    end)

    it("are all that is asked no more once a requirement is retired", function()
      review("s-number", "reject", { reason = "x", revoke = true })
      assert.equal("never", until_when())
      local etag = test.get "/v1/requirement-types/s-number".headers.etag
      assert.equal(200, test.patch("/v1/requirement-types/s-number", { isActive = false },
        { token = admin.token, headers = { ["If-Match"] = etag } }).status)
      test.run_jobs()
      assert.equal("2026-12-31 22:00:00+00", until_when())
    end)
  end)

  describe("on the desk", function()
    local function desk(query)
      return test.get("/v1/submissions" .. (query or ""), { token = admin.token }).body
    end

    it("come by how long they wait, page by page", function()
      local wanted = { "s-births", "s-member", "s-year" }
      for i, it in ipairs(wanted) do
        test.clock.set(("2026-03-0%dT08:00:00Z"):format(i + 1))
        put(it, { value = it == "s-member" or 2004 })
      end
      test.clock.set "2026-03-09T08:00:00Z"
      put("s-births", { value = 2005 })
      local found, cursor = {}, nil
      repeat
        local page = desk("?sort=waiting&limit=1" .. (cursor and "&cursor=" .. cursor or ""))
        found[#found + 1], cursor = page.data[1].requirementTypeId, page.nextCursor
      until cursor == test.null
      assert.same({ "s-member", "s-year", "s-births" }, found)
      assert.equal("x", desk().data[1].providerName)
      approve "s-year"
      assert.equal(2, #desk().data)
      assert.equal(1, #desk("?status=APPROVED").data)
    end)

    it("are asked for as they are offered", function()
      for _, query in ipairs { "?status=EXPIRED", "?sort=name", "?limit=0", "?provider=x" } do
        local r = test.get("/v1/submissions" .. query, { token = admin.token })
        assert.equal(422, r.status, query)
        assert.is_string(r.body.errors[1].pointer)
      end
    end)
  end)
end)
