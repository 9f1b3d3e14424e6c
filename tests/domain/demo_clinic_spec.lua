-- The demo clinic as the server finds it: its rows are what the rules would have made.

local test = require "medbookd.test"

describe("the demo clinic", function()
  local function compliance()
    return test.query [[
      SELECT p."name", p."status", p."compliantUntil"::text, s."requirementTypeId", s."status" AS answered,
             s."expiresAt"::text, s."warnAt"::text
        FROM "Provider" p LEFT JOIN "RequirementSubmission" s ON s."providerId" = p."id"
       ORDER BY p."id", s."id"]]
  end

  it("complies as long as the rules say", function()
    local before = compliance()
    test.run_jobs() -- which listen from now on
    test.query [[UPDATE "Provider" SET "compliantUntil" = NULL]]
    test.query [[UPDATE "RequirementSubmission" SET "expiresAt" = NULL, "warnAt" = NULL]]
    test.query [[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
      VALUES ('requirement_type.changed', 'RequirementType', 'any', '{}')]] -- all are worked out anew
    assert.equal(0, test.run_jobs().dead)
    assert.same(before, compliance())
  end)

  it("answered what its requirements take", function()
    local admin = test.user { role = "ADMIN" }
    local asked, taken = 0, 0
    for _, row in ipairs(test.query [[SELECT "id" FROM "Provider" WHERE "status" IN ('ACTIVE', 'TRIAL') LIMIT 12]]) do
      local r = test.get(("/v1/providers/%s/submissions"):format(row.id), { token = admin.token })
      for _, it in ipairs(r.body.data) do
        asked = asked + 1
        assert.same({}, it.ignored)
        local answer = it.answer
        if it.validationType ~= "DOCUMENT" then
          answer = { requirementId = it.requirementTypeId, value = answer.value, values = answer.values }
          local kind = it.key:match "^[^.]+"
          local judged = test.post(("/v1/provider-types/%s/requirements/check"):format(kind), { answers = { answer } })
          local is_lapsing = it.key == "general-practitioner.insurance-expiry" and judged.status == 422
          assert.is_true(judged.status == 200 or is_lapsing, judged.text)
          taken = taken + (judged.status == 200 and 1 or 0)
        end
      end
    end
    assert.is_true(taken > 24 and asked > taken)
  end)
end)
