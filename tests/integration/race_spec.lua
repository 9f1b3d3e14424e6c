-- Races for slots, run for real, a fraction of what `./dev chaos` does; and what one booking meets of others.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local races = require "chaos.races"
local seeded = require "chaos.seed"

local ROUNDS <const> = 20

describe("a race for slots", function()
  local clinic, database

  setup(function()
    database = cluster.fresh "demo"
    clinic = clinics.start { database = database }
  end)

  local function value(sql) return (database.query(sql)[1] or {}).v end

  local function book(slot, headers)
    return clinic.server:post("/v1/bookings",
      { slotId = slot, guestName = "Thandi Mokoena", guestEmail = slot:lower() .. "@example.org", isOnline = false },
      { headers = headers })
  end

  local function count_of(slot)
    return value(([[SELECT count(*) AS v FROM "Booking" WHERE "slotId" = '%s']]):format(slot))
  end

  it("has exactly one winner when 200 clients want one slot", function()
    local result = races.same_slot(clinic, { clients = 200, rounds = 20, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(20, result.single)
    assert.equal(199 * 20, result.status["409"])
  end)

  it("never gives 64 clients two bookings of a provider that overlap", function()
    local result = races.overlapping(clinic, { clients = 64, rounds = 10, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.equal(10, result.rounds)
  end)

  it("lets exactly one of 16 cancellations with the same If-Match through", function()
    local slot = clinic:take_slots(1)[1]
    local made = clinic.server:post("/v1/bookings",
      { slotId = slot, guestName = "If Match", guestEmail = "patient@example.org", isOnline = false })
    assert.equal(201, made.status, made.body)
    local request = http.format("POST", ("/v1/bookings/%s/cancel"):format(made.json.id), {
      body = {}, headers = { Authorization = "Bearer " .. made.json.manageToken, ["If-Match"] = made.headers.etag },
    })
    local connections, seen = {}, {}
    for i = 1, 16 do connections[i] = clinic.server:connect() end
    for _, connection in ipairs(connections) do assert(connection:send(request)) end
    for _, connection in ipairs(connections) do
      local status = assert(connection:read "POST").status
      seen[status] = (seen[status] or 0) + 1
      connection:close()
    end
    assert.same({ [200] = 1, [412] = 15 }, seen)
  end)

  it("answers 409 request_in_progress while the agenda is held, and the retry books once", function()
    local slot = clinic:take_slots(1)[1]
    local holder = io.popen(("psql -X -q -d '%s' >/dev/null"):format(database.url), "w")
    holder:write(([[BEGIN; SELECT FROM "ProviderAgenda" WHERE "providerId" = '%s' FOR UPDATE;
      SELECT pg_advisory_lock(4711);]]):format(clinic.slots_by_id[slot].providerId), "\n")
    holder:flush()
    eventually(function()
      return value [[SELECT count(*) AS v FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711]] == "1"
    end, { what = "the agenda to be held" })
    local function again() return book(slot, { ["Idempotency-Key"] = "held" }) end
    for _ = 1, 2 do
      local r = again()
      assert.same({ 409, "request_in_progress" }, { r.status, r.json.code })
      assert.equal("application/problem+json", r.headers["content-type"])
      assert.equal("1", r.headers["retry-after"])
    end
    holder:write "ROLLBACK;\n"
    holder:close()
    local made = again()
    assert.equal(201, made.status, made.body)
    assert.equal(made.body, again().body)
    assert.equal("1", count_of(slot))
    assert.is_nil(clinic:broken())
  end)

  it("takes another id or reference when a booking has the first one", function()
    local slots = clinic:take_slots(3)
    local made = book(slots[3]).json
    for column, own in pairs { reference = made.reference, id = made.id } do
      database.run(([[CREATE SEQUENCE tries;
        CREATE FUNCTION collide() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$BEGIN
          IF nextval('tries') = 1 THEN NEW."%s" := '%s'; END IF; RETURN NEW; END$$;
        CREATE TRIGGER collide BEFORE INSERT ON "Booking" FOR EACH ROW EXECUTE FUNCTION collide()]])
        :format(column, own))
      local r = book(table.remove(slots, 1))
      local tries = value "SELECT last_value AS v FROM tries"
      database.run [[DROP TRIGGER collide ON "Booking"; DROP FUNCTION collide; DROP SEQUENCE tries]]
      assert.equal(201, r.status, r.body)
      assert.equal("2", tries)
      assert.are_not.equal(own, r.json[column])
    end
    assert.is_nil(clinic:broken())
  end)

  it("lets one of two win who decide about a booking at once, and tells the other", function()
    local slot = clinic:take_slots(1)[1]
    database.run(([[UPDATE "Availability" SET "requiresConfirmation" = true
      WHERE "id" = (SELECT "availabilityId" FROM "CalculatedAvailabilitySlot" WHERE "id" = '%s')]]):format(slot))
    database.run(([[INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
      SELECT "userId", encode(sha256('doctor'), 'hex'), '2100-01-01' FROM "Provider" WHERE "id" = '%s']])
      :format(clinic.slots_by_id[slot].providerId))
    local function to(id, action)
      return http.format("POST", ("/v1/bookings/%s/%s"):format(id, action),
        { headers = { Authorization = "Bearer doctor", ["Content-Length"] = "0" } })
    end
    for round = 1, ROUNDS do
      local made = book(slot)
      assert.equal("PENDING", made.json.status, made.body)
      local id, connections, seen, codes = made.json.id, {}, {}, {}
      local actions = { "confirm", "decline", "confirm", "decline" }
      for i = 1, #actions do connections[i] = clinic.server:connect() end
      for i, action in ipairs(actions) do assert(connections[i]:send(to(id, action))) end
      for _, c in ipairs(connections) do
        local r = assert(c:read "POST")
        seen[r.status] = (seen[r.status] or 0) + 1
        if r.status == 409 then codes[#codes + 1] = r.json.code end
        c:close()
      end
      assert.same({ [200] = 1, [409] = 3 }, seen, "round " .. round)
      for _, code in ipairs(codes) do
        assert.is_truthy(({ already_confirmed = 1, already_cancelled = 1, transition_not_allowed = 1 })[code], code)
      end
      assert.equal("1", value(([[SELECT count(*) AS v FROM "StatusHistory" WHERE "resourceId" = '%s']]):format(id)))
      if value(([[SELECT "status" AS v FROM "Booking" WHERE "id" = '%s']]):format(id)) == "CONFIRMED" then
        local cancelled = clinic.server:post(("/v1/bookings/%s/cancel"):format(id), {},
          { headers = { Authorization = "Bearer doctor" } })
        assert.equal(200, cancelled.status, cancelled.body)
      end
    end
    assert.is_nil(clinic:broken())
  end)

  it("leaves every invariant whole after a storm of booking, cancelling and booking again", function()
    local result = races.storm(clinic, { clients = 32, operations = 4000, groups = 4, seed = seeded.seed })
    seeded.assert_no(result.faults)
    assert.is_true(result.rebooked > 0)
  end)
end)
