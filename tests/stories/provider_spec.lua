-- Somebody becomes a provider: answers what the law asks, is approved, tries, is found and booked; a document lapses
-- and hides them until it is renewed. On an installation that has nothing but its administrator.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local json = require "cjson"
local letters = require "support.letters"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local PASSWORD <const> = "seven lazy cranes"
local DAY <const> = 86400
local PDF <const> = "%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"

local function day(days_ahead) return os.date("!%F", os.time() + days_ahead * DAY) end

-- One of each of the eight types, in this order: name, type, configuration, answer. Names are slugs too.
local ASKED <const> = {
  { "membership", "BOOLEAN", { mustBeTrue = true }, { value = true } },
  { "number", "TEXT", { pattern = "^PD\\d{6}$", patternError = "must be PD and six digits" }, { value = "PD123456" } },
  { "insured-until", "FUTURE_DATE", { minDaysInFuture = 30, warningThreshold = 60 }, { value = day(400) } },
  { "certificate", "DOCUMENT", { expectedFormat = "PDF", maxSizeMB = 1, expiresWith = "insured-until" }, PDF },
  { "graduated", "PAST_DATE", { dateFormat = "YYYY", minYear = 1960 }, { value = "2004" } },
  { "opened", "DATE", { minDate = "1990-01-01" }, { value = "2010-06-01" } },
  { "patients-a-week", "NUMBER", { min = 1, max = 400 }, { value = 60 } },
  { "school", "PREDEFINED_LIST", { options = { { value = "uj", label = "UJ" } }, allowOther = true },
    { value = "other", other = "Salford" } },
}
local LAPSES <const> = { "insured-until", "certificate" }

-- A morning in which the provider of a config sees patients, tomorrow from 08:00 UTC.
local MORNING <const> = [[
WITH config AS (
    SELECT c.*, date_trunc('day', now(), 'UTC') + interval '32 hours' AS opens, p."userId"
      FROM "ServiceAvailabilityConfig" c JOIN "Provider" p ON p."id" = c."providerId" WHERE c."id" = '%s'
), made AS (
    INSERT INTO "Availability" ("providerId", "startTime", "endTime", "createdById", "status", "acceptedAt",
                                "requiresConfirmation")
    SELECT "providerId", opens, opens + interval '2 hours', "userId", 'ACCEPTED', now(), false FROM config
    RETURNING "id"
), offered AS (
    INSERT INTO "_AvailabilityToServiceAvailabilityConfig" ("A", "B") SELECT made."id", config."id" FROM made, config
)
INSERT INTO "CalculatedAvailabilitySlot" ("availabilityId", "serviceId", "serviceConfigId", "startTime", "endTime",
                                          "lastCalculated", "providerId", "price", "isOnlineAvailable", "isInPerson")
SELECT made."id", c."serviceId", c."id", at, at + c."duration" * interval '1 min', now(), c."providerId", c."price",
       c."isOnlineAvailable", c."isInPerson"
  FROM made, config c, generate_series(c.opens, c.opens + interval '90 min', interval '30 min') at]]

describe("a provider", function()
  local app, database, admin, noma, thandi, provider

  setup(function()
    database = cluster.fresh "schema"
    app = server.start { database = database, workers = 2, env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" } }
  end)

  local function ask(method, path, who, body, headers)
    headers = headers or {}
    headers.Authorization = who and "Bearer " .. who or nil
    return app:request(method, path, { headers = headers, body = body })
  end

  -- The answer of what has to succeed.
  local function done(status, answer)
    assert.equal(status, answer.status, answer.body)
    return answer.json, answer
  end

  local function refused(status, code, answer)
    assert.equal(status .. " " .. code, answer.status .. " " .. tostring(answer.json.code), answer.body)
    return answer.json
  end

  local function login(email)
    return done(200, ask("POST", "/v1/auth/login", nil, { email = email, password = PASSWORD })).token
  end

  local function account(name, email)
    done(202, ask("POST", "/v1/auth/register", nil, { name = name, email = email, password = PASSWORD }))
    local token = letters.await(app, "verify-email", email).token
    done(204, ask("POST", "/v1/auth/verify-email", nil, { token = token, password = PASSWORD }))
    return login(email)
  end

  local function at(path) return ("/v1/providers/%s%s"):format(provider, path or "") end

  local function submission(name) return at("/submissions/podiatrist." .. name) end

  local function status_of(name)
    for _, it in ipairs(done(200, ask("GET", at "/submissions", noma)).data) do
      if it.key == "podiatrist." .. name then return it.status, it end
    end
  end

  -- Answers one of ASKED, a document with its bytes.
  local function answer(name, given)
    if type(given) == "table" then return done(200, ask("PUT", submission(name), noma, given)) end
    return done(200, ask("PUT", submission(name) .. "/document", noma, given, {
      ["Content-Type"] = "application/pdf",
      ["Content-Disposition"] = [[attachment; filename*=UTF-8''certificate.pdf]],
    }))
  end

  local function approve(name) return done(200, ask("POST", submission(name) .. "/approve", admin)) end

  local function await_letter(address, subject)
    eventually(function()
      for _, letter in ipairs(letters.to(app, address)) do
        if letter.subject == subject then return true end
      end
    end, { what = ("a mail '%s' to %s"):format(subject, address) })
  end

  local function found()
    local ids = {}
    for i, it in ipairs(done(200, ask("GET", "/v1/providers?type=Podiatrist")).data) do ids[i] = it.id end
    return ids
  end

  local function free_slots()
    return done(200, ask("GET", ("/v1/slots?providerId=%s&online=false"):format(provider))).data
  end

  local function book(slot)
    return ask("POST", "/v1/bookings", thandi, { slotId = slot.id, isOnline = false })
  end

  it("goes from a sign-up to bookings, is hidden while a document has lapsed, and comes back", function()
    assert.equal(0, process.run({ app.binary, "admin", "create", "--email", "ayanda@clinic.example",
      "--password-stdin" }, { env = app.env, cwd = app.dir, input = PASSWORD .. "\n", within = 60 }).code)
    admin = login "ayanda@clinic.example"
    noma, thandi = account("Noma Dlamini", "noma@people.example"), account("Thandi Nkuna", "thandi@people.example")

    -- What podiatrists do and are asked.
    local kind = done(201, ask("POST", "/v1/provider-types", admin, { name = "Podiatrist" }))
    done(201, ask("POST", "/v1/services", admin, { name = "Foot examination", providerTypeId = kind.id,
      defaultDuration = 30, defaultPrice = "450.00" }))
    for i, it in ipairs(ASKED) do
      local made = done(201, ask("POST", "/v1/requirement-types", admin, { name = it[1], providerTypeId = kind.id,
        validationType = it[2], validationConfig = it[3], displayPriority = i }))
      assert.equal(it[1], made.slug)
    end

    -- Noma becomes one, and nobody finds her.
    provider = done(201, ask("POST", "/v1/providers", noma, {
      name = "Dr Noma Dlamini", languages = { "English", "IsiZulu" }, email = "rooms@clinic.example",
      whatsapp = "+27115550100", providerTypeIds = { "podiatrist" },
    })).id
    assert.equal("PENDING_APPROVAL", done(200, ask("GET", at(), noma)).status)
    letters.await(app, "provider-waits", "ayanda@clinic.example")
    refused(404, "not_found", ask("GET", at(), thandi))
    refused(404, "not_found", ask("GET", at "/submissions", thandi))
    local config = done(201, ask("POST", at "/service-configs", noma, {
      serviceId = "podiatrist.foot-examination", price = "480.00", isInPerson = true,
    }))

    -- Eight answers, one of each type.
    for _, it in ipairs(done(200, ask("GET", at "/submissions", noma)).data) do
      assert.equal("NOT_SUBMITTED", it.status)
    end
    refused(422, "validation_failed", ask("PUT", submission "number", noma, { value = "MP123456" }))
    for _, it in ipairs(ASKED) do
      answer(it[1], it[4])
      assert.equal("PENDING", (status_of(it[1])))
    end
    assert.equal(PDF, select(2, done(200, ask("GET", submission "certificate" .. "/document", admin))).body)
    refused(404, "not_found", ask("GET", submission "certificate" .. "/document", thandi))

    -- The desk: one is rejected, one waits, so there is no approval yet.
    assert.equal(#ASKED, #done(200, ask("GET", "/v1/submissions", admin)).data)
    for _, it in ipairs(ASKED) do
      if it[1] ~= "number" and it[1] ~= "school" then approve(it[1]) end
    end
    done(200, ask("POST", submission "number" .. "/reject", admin, { reason = "The council knows no such number." }))
    local missing = {}
    for _, it in ipairs(refused(409, "requirements_incomplete", ask("POST", at "/approve", admin)).missing) do
      missing[it.key] = it.status
    end
    assert.same({ ["podiatrist.number"] = "REJECTED", ["podiatrist.school"] = "PENDING" }, missing)
    local _, rejected = status_of "number"
    assert.equal("The council knows no such number.", rejected.notes)
    answer("number", { value = "PD654321" })
    approve "number"
    approve "school"

    -- Approved, on trial, with a morning of four slots: found and booked.
    refused(403, "not_allowed", ask("POST", at "/approve", noma))
    assert.equal("APPROVED", done(200, ask("POST", at "/approve", admin)).status)
    await_letter("noma@people.example", "You are approved")
    assert.same({}, found())
    assert.equal("TRIAL", done(200, ask("POST", at "/start-trial", noma)).status)
    database.run(MORNING:format(config.id))
    assert.same({ provider }, found())
    local slots = free_slots()
    assert.equal(4, #slots)
    assert.equal("480.00", slots[1].price)
    local first = done(201, book(slots[1]))
    assert.equal("480.00", first.price)
    assert.equal(3, #free_slots())

    -- Time goes by, and the insurance ends: what the provider had said long ago is over today.
    database.run(([[UPDATE "RequirementSubmission" s
        SET "documentMetadata" = '{"value": "%s"}', "approvedMetadata" = '{"value": "%s"}'
       FROM "RequirementType" r WHERE r."id" = s."requirementTypeId" AND r."slug" = 'insured-until';
      INSERT INTO "Job" ("id", "kind", "payload", "maxAttempts") VALUES ('night', 'compliance.settle', '{}', 1)]])
      :format(day(-2), day(-2)))
    eventually(function() return #found() == 0 end, { what = "the provider to be gone from the search" })
    assert.same({}, free_slots())
    refused(409, "not_bookable", book(slots[2]))
    assert.equal("TRIAL", done(200, ask("GET", at(), noma)).status)
    assert.equal("CONFIRMED", done(200, ask("GET", "/v1/bookings/" .. first.id, thandi)).status)
    for _, name in ipairs(LAPSES) do assert.equal("EXPIRED", (status_of(name))) end

    -- Renewed: it waits for the review, and is back with it.
    answer("insured-until", { value = day(500) })
    answer("certificate", PDF .. "% of the next year\n")
    approve "insured-until"
    assert.same({}, found())
    approve "certificate"
    assert.same({ provider }, found())
    assert.equal(3, #free_slots())
    done(201, book(slots[2]))

    -- All of it can be looked up.
    local steps = {}
    for i, it in ipairs(done(200, ask("GET", at "/history", noma)).data) do steps[i] = it.toStatus end
    assert.equal("APPROVED TRIAL", table.concat(steps, " "))
    assert.equal(json.null, done(200, ask("GET", "/v1/providers?type=Podiatrist")).nextCursor)
    assert.same({}, database.query(paths.read "tests/invariants.sql"))
  end)
end)
