-- What providers answer and what becomes of it, over HTTP: a provider of two types that ask for answers of every kind.

local domain = require "support.domain"
local test = require "medbookd.test"

local TYPES <const> = [[
INSERT INTO "ProviderType" ("id", "name", "slug") VALUES ('s-type', 'Midwife', 'midwife'), ('s-other', 'Doula', 'doula');
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
      VALUES ('s-provider', $1, '{"fileName": "a.pdf"}')]], requirement)
  end

  local function comply()
    put("s-member", { value = true })
    put("s-number", { value = "MW0001" })
    put("s-until", { value = "2026-12-31" })
    upload "s-paper"
    for _, it in ipairs { "s-member", "s-number", "s-paper", "s-until" } do approve(it) end
  end

  it("are shown for each thing that is asked, in its order, also where there is none", function()
    local r = ask(owner, "GET")
    assert.equal(200, r.status, r.text)
    local keys = {}
    for i, it in ipairs(r.body.data) do
      keys[i] = it.key
      assert.equal("NOT_SUBMITTED", it.status)
      assert.is_nil(it.answer)
    end
    assert.same({ "midwife.member", "midwife.number", "midwife.paper", "midwife.until", "midwife.born", "midwife.year",
                  "midwife.births", "midwife.school" }, keys)
    assert.is_true(r.body.data[1].isRequired)
    assert.is_false(r.body.data[5].isRequired)
    assert.equal(60, r.body.data[4].config.warningThreshold)
  end)

  it("are kept as they are meant, of whatever kind", function()
    for requirement, case in pairs {
      ["s-member"] = { { value = true }, { value = true } }, ["midwife.member"] = { { value = "false" }, { value = false } },
      ["s-number"] = { { value = " MW0001 " }, { value = "MW0001" } },
      ["s-until"] = { { value = "2026-12-31" }, { value = "2026-12-31" } },
      ["s-born"] = { { value = "1980-02-29" }, { value = "1980-02-29" } },
      ["s-year"] = { { value = 2004 }, { value = "2004" } }, ["midwife.births"] = { { value = 12 }, { value = 12 } },
      ["s-school"] = { { values = { "uct", "other" }, other = "Oxford" }, { values = { "uct", "other" }, other = "Oxford" } },
    } do
      local r = put(requirement, case[1])
      assert.equal(200, r.status, r.text)
      assert.same(case[2], r.body.answer)
      assert.equal("PENDING", r.body.status)
    end
  end)
end)
