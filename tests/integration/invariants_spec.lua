-- tests/invariants.sql sees what it is there to see: each invariant is broken once, past every
-- constraint and trigger, and must be reported. Races and kills are judged by that file, so one that
-- overlooked a fault would make all of them pass.

local cluster = require "support.cluster"
local paths = require "support.paths"
local psql = require "support.psql"

local INVARIANTS <const> = paths.read "tests/invariants.sql"

-- Another booking like the fixture's, with these members of its own.
local function twin(members)
  return ([[INSERT INTO "Booking" SELECT t.* FROM "Booking" b,
    jsonb_populate_record(b, '{"id": "twin", "reference": "TW1NTW1N", %s}') t]]):format(members)
end

local BREAKS <const> = {
  ["I1 one live booking per slot"] = twin [["notes": "twice"]],
  ["I2 live bookings of a provider do not overlap"] = twin [["slotId": "0830"]],
  ["live bookings of a provider keep the larger of their buffers free"] = twin [["slotId": "0830",
    "startTime": "2100-01-04T08:40Z", "endTime": "2100-01-04T09:00Z", "bufferBefore": 15, "bufferAfter": 0]],
  ["an agenda knows how far buffers reach"] = [[UPDATE "ServiceAvailabilityConfig" SET "bufferAfter" = 5]],
  ["I3 a kept answer speaks of a booking as it was made"] =
    [[UPDATE "IdempotencyKey" SET "body" = replace("body"::text, '"booking"', '"other"')]],
  ["I4 a booking has one answer at most"] = [[INSERT INTO "IdempotencyKey"
    SELECT t.* FROM "IdempotencyKey" k, jsonb_populate_record(k, '{"key": "another"}') t]],
  ["I5 a slot is BOOKED exactly when a live booking holds it"] =
    [[UPDATE "CalculatedAvailabilitySlot" SET "status" = 'AVAILABLE' WHERE "id" = '0800']],
  ["slot status is derived"] =
    [[UPDATE "CalculatedAvailabilitySlot" SET "status" = 'INVALID' WHERE "id" = '1000']],
  ["a booking's snapshot is its slot"] = [[UPDATE "Booking" SET "price" = 1]],
  ["the history of a booking leads to its status"] = [[INSERT INTO "StatusHistory" ("resource", "resourceId",
    "action", "fromStatus", "toStatus") VALUES ('Booking', 'booking', 'cancel', 'CONFIRMED', 'CANCELLED')]],
  ["a booking belongs to the organization that offered it"] = [[UPDATE "Booking" SET "organizationId" = NULL]],
  ["a slot's copies are its availability's and config's"] =
    [[UPDATE "CalculatedAvailabilitySlot" SET "locationId" = NULL WHERE "id" = '1000']],
  ["a booking holds its slot until it is cancelled"] = [[UPDATE "Booking" SET "slotId" = NULL]],
  ["every provider has an agenda"] = [[DELETE FROM "ProviderAgenda"]],
  ["an agenda counts every change"] = [[UPDATE "ProviderAgenda" SET "version" = 1]],
  ["a provider complies as long as its answers do"] = [[UPDATE "Provider" SET "compliantUntil" = 'infinity']],
  ["what is approved is the copy that counts"] =
    [[UPDATE "RequirementSubmission" SET "documentMetadata" = '{"value": "2101-12-31"}']],
  ["the history of a provider leads to its status"] = [[INSERT INTO "StatusHistory" ("resource", "resourceId",
    "action", "fromStatus", "toStatus") VALUES ('Provider', 'provider', 'start_trial', 'APPROVED', 'TRIAL')]],
  ["a file that an answer names is there, and whole"] =
    [[UPDATE "RequirementSubmission" SET "approvedMetadata" = '{"fileId": "file"}']],
  ["a file that is whole belongs to an answer, or is an image"] = [[UPDATE "ProviderFile" SET "completedAt" = now()]],
  ["a file that is whole is what its digest says"] =
    [[UPDATE "ProviderFile" SET "completedAt" = now(), "sha256" = encode(sha256('byte'), 'hex')]],
  ["I7 one audit row per change"] = [[DELETE FROM "AuditLog"]],
  ["I8 one event per change"] = [[DELETE FROM "Outbox"]],
}

-- Constraints and triggers would refuse what is to be seen.
local OPEN <const> = [[
SET LOCAL session_replication_role = replica;
ALTER TABLE "Booking" DROP CONSTRAINT "Booking_slotId_key" CASCADE;
DO $$
DECLARE c record;
BEGIN
    FOR c IN SELECT conrelid::regclass AS tbl, conname FROM pg_constraint
              WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'x') AND conrelid <> 0 LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.tbl, c.conname);
    END LOOP;
END $$;]]

describe("tests/invariants.sql", function()
  local database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  end)

  local function reported(sql)
    local names = {}
    local rows = database.query(("BEGIN;%s\n%s;\n%s\nROLLBACK;"):format(OPEN, sql, INVARIANTS))
    for _, row in ipairs(rows) do names[row.invariant] = true end
    return names
  end

  it("reports nothing of a sound database", function()
    assert.same({}, reported [[UPDATE "Booking" SET "notes" = 'as before']])
  end)

  for name, sql in pairs(BREAKS) do
    it("reports that " .. name, function() assert.is_true(reported(sql)[name]) end)
  end

  it("has a case here for each of its invariants", function()
    local count = 0
    for name in INVARIANTS:gmatch "\nSELECT '(.-)'[ ,]" do
      name = name:gsub("''", "'")
      assert.truthy(BREAKS[name], name)
      count = count + 1
    end
    local cases = 0
    for _ in pairs(BREAKS) do cases = cases + 1 end
    assert.equal(cases, count)
  end)
end)
