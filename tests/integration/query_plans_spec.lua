-- How PostgreSQL plans the statements of lua/queries and what they call, on a clinic with years of
-- history: the searches by the indexes made for them, and nothing by the index of an exclusion
-- constraint (migrations/0017_index_live_bookings.up.sql says why).

local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"

local SLOTS_OF_PROVIDER <const> = "CalculatedAvailabilitySlot_providerId_startTime_id_endTime_idx"
local SLOTS_BY_TIME <const> = "idx_slots_time_status"
local LIVE_BOOKINGS <const> = "Booking_providerId_startTime_live_idx"

-- Every statement that a module of lua/queries makes: { name = SQL }.
local function statements()
  local found, loaded = {}, {}
  local function keep(name, sql) found[name] = sql end
  loaded["mb.query"] = { read = keep, write = keep }
  local environment = setmetatable({}, { __index = _G })
  function environment.require(module)
    loaded[module] = loaded[module]
      or assert(loadfile(("%s/lua/%s.lua"):format(paths.root, module:gsub("%.", "/")), "t", environment))(module)
    return loaded[module]
  end
  for _, file in ipairs(native.list(paths.root .. "/lua/queries")) do
    environment.require("queries." .. file:match "^(.*)%.lua$")
  end
  return found
end

-- Three years of live bookings and accepted availabilities of every provider, before those of the demo.
local HISTORY <const> = [[
  SET session_replication_role = replica; -- the slots of then are gone
  INSERT INTO "Availability" ("providerId", "startTime", "endTime", "createdById", "status")
  SELECT p."id", d, d + interval '9 hours', p."userId", 'ACCEPTED'
    FROM "Provider" p, generate_series(now() - interval '3 years', now() - interval '2 days', '1 day') d;
  INSERT INTO "Booking" ("slotId", "guestName", "guestEmail", "price", "isOnline", "isInPerson", "status",
                         "confirmedAt", "reference", "providerId", "serviceId", "serviceConfigId", "startTime",
                         "endTime")
  SELECT mb_cuid(), 'Guest', 'guest@example.org', 500, false, true, 'COMPLETED', d,
         mb_reference(), c."providerId", c."serviceId", c."id", d, d + interval '30 min'
    FROM (SELECT DISTINCT ON ("providerId") * FROM "ServiceAvailabilityConfig" ORDER BY "providerId") c,
         generate_series(now() - interval '3 years', now() - interval '2 days', '1 day') d;
  RESET session_replication_role;
  VACUUM ANALYZE;]]

describe("a plan", function()
  local database, made, constraints

  local function quoted(value)
    return value == nil and "NULL" or type(value) == "string" and "'" .. value:gsub("'", "''") .. "'" or tostring(value)
  end

  local function count_of(sql)
    local most = 0
    for number in sql:gmatch "%$(%d+)" do most = math.max(most, tonumber(number)) end
    return most
  end

  -- PREPARE and EXECUTE of a statement; call: its name, then its values.
  local function texts(call)
    local name = call[1]
    local values = {}
    for i = 1, count_of(made[name]) do values[i] = quoted(call[i + 1]) end
    return ('PREPARE "%s" AS %s; '):format(name, made[name]),
      ('EXECUTE "%s"%s'):format(name, #values > 0 and "(" .. table.concat(values, ", ") .. ")" or "")
  end

  -- The plan that serves any values.
  local function generic(name)
    local prepare, execute = texts { name }
    local lines = {}
    for i, row in ipairs(database.query(prepare .. "SET plan_cache_mode = force_generic_plan; EXPLAIN " .. execute)) do
      lines[i] = row["QUERY PLAN"]
    end
    return table.concat(lines, "\n")
  end

  -- The plans of these calls, made in a transaction that is undone, and of what their functions call.
  local function executed(calls)
    local script = { "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;",
      "SET auto_explain.log_nested_statements = on; SET client_min_messages = log; BEGIN;" }
    for _, one in ipairs(calls) do
      local prepare, execute = texts(one)
      script[#script + 1] = prepare .. execute .. ";"
    end
    script[#script + 1] = "ROLLBACK;"
    return process.check({ "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url },
      { input = table.concat(script, "\n"), cwd = "/" }).err
  end

  -- What of these stands in a plan: names of indexes.
  local function used(plan, names)
    local found = {}
    for _, name in ipairs(names) do
      if plan:find(name, 1, true) then found[#found + 1] = name end
    end
    return found
  end

  setup(function()
    database = cluster.fresh "demo"
    database.run(HISTORY)
    made, constraints = statements(), {}
    for i, row in ipairs(database.query "SELECT conname AS name FROM pg_constraint WHERE contype = 'x'") do
      constraints[i] = row.name
    end
  end)

  it("of any statement does without the index of a constraint, whatever its values", function()
    assert.equal(2, #constraints)
    local count = 0
    for name in pairs(made) do
      count = count + 1
      assert.same({}, used(generic(name), constraints), name)
    end
    assert.is_true(count >= 10, count)
  end)

  it("of a search goes by the index made for it, whatever its values", function()
    for name, index in pairs { ["slots.search"] = SLOTS_OF_PROVIDER, ["slots.search_service"] = SLOTS_BY_TIME,
                               ["slots.search_location"] = SLOTS_BY_TIME, ["providers.list"] = SLOTS_OF_PROVIDER } do
      assert.same({ index }, used(generic(name), { SLOTS_OF_PROVIDER, SLOTS_BY_TIME }), name)
      assert.is_nil(generic(name):find('Seq Scan on "CalculatedAvailabilitySlot"', 1, true), name)
    end
  end)

  describe("for the values of a visit", function()
    local slot, from, to

    setup(function()
      slot = database.query [[SELECT s.* FROM "CalculatedAvailabilitySlot" s
        JOIN "Provider" p ON p."id" = s."providerId"
        JOIN mb_availability_standing() a ON a."id" = s."availabilityId" AND a.is_open
        WHERE s."status" = 'AVAILABLE' AND s."isInPerson" AND s."startTime" > now() + interval '3 days'
          AND p."status" = 'ACTIVE' ORDER BY s."startTime", s."id" LIMIT 1]][1]
      from, to = os.date("!%Y-%m-%dT00:00:00Z"), os.date("!%Y-%m-%dT00:00:00Z", os.time() + 7 * 86400)
    end)

    it("searches by the index made for it", function()
      local place = slot.locationId
      for index, calls in pairs {
        [SLOTS_OF_PROVIDER] = { { "slots.search", slot.providerId, nil, nil, from, to, nil, 50 },
                                { "slots.search", slot.providerId, slot.serviceId, place, from, to, false, 50 } },
        [SLOTS_BY_TIME] = { { "slots.search_service", nil, slot.serviceId, nil, from, to, nil, 50 },
                            { "slots.search_location", nil, nil, place, from, to, nil, 50 } },
      } do
        for _, one in ipairs(calls) do
          local plan = executed { one }
          assert.same({ index }, used(plan, { SLOTS_OF_PROVIDER, SLOTS_BY_TIME, table.unpack(constraints) }), one[1])
        end
      end
    end)

    it("reads, books and cancels without the index of a constraint, and asks the live bookings by theirs", function()
      local plans = executed {
        { "providers.list", nil, nil, nil, nil, false, 20 }, { "providers.get", slot.providerId },
        { "slots.facts", slot.providerId }, { "slots.explain", slot.id },
        { "bookings.book", slot.id, "cvisit", nil, "Guest", "guest@example.org", nil, nil, false },
        { "bookings.get", "cvisit" },
        { "bookings.move", "cvisit", nil, nil, "cancel", "{PENDING,CONFIRMED}", "CANCELLED", "cancelled",
          "cancelled_by_patient", nil, "2 hours" },
      }
      assert.truthy(plans:find("FROM mb_slot_status(", 1, true), plans) -- functions called are among them
      assert.same({ LIVE_BOOKINGS }, used(plans, { LIVE_BOOKINGS, table.unpack(constraints) }))
    end)
  end)
end)
