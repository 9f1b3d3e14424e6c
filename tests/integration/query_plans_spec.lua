-- How PostgreSQL plans the statements of lua/queries and what they call, on a clinic with years of
-- history: the searches by the indexes made for them, and nothing by the index of an exclusion
-- constraint (migrations/0017_index_live_bookings.up.sql says why). And what the lists read of many providers.

local cjson = require "cjson"
local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"

local OF_PROVIDER <const> = "CalculatedAvailabilitySlot_providerId_startTime_id_" -- of the free ones, or with endTime
local FREE_OF_SERVICE <const> = "CalculatedAvailabilitySlot_serviceId_startTime_id_free_idx"
local FREE_OF_LOCATION <const> = "CalculatedAvailabilitySlot_locationId_startTime_id_free_idx"
local SLOTS_IN_ORDER <const> = { OF_PROVIDER, FREE_OF_SERVICE, FREE_OF_LOCATION }
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
         upper(substr(mb_cuid(), 18)), c."providerId", c."serviceId", c."id", d, d + interval '30 min'
    FROM (SELECT DISTINCT ON ("providerId") * FROM "ServiceAvailabilityConfig" ORDER BY "providerId") c,
         generate_series(now() - interval '3 years', now() - interval '2 days', '1 day') d;
  RESET session_replication_role;
  VACUUM ANALYZE;]]

-- Read in one go whenever it suits: catalogues of a few rows, whatever the number of providers.
local CATALOGUES <const> = { ProviderType = true, Service = true, RequirementType = true }

-- What has no index that serves it, and nobody needs one yet: statement -> table.
local UNINDEXED <const> = { ["providers.list"] = "Location" } -- part of a name, address or search term

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

  -- The plan that serves any values, under these settings.
  local function generic(name, settings)
    local prepare, execute = texts { name }
    local lines = {}
    local sql = prepare .. "SET plan_cache_mode = force_generic_plan; " .. (settings or "") .. "EXPLAIN " .. execute
    for i, row in ipairs(database.query(sql)) do
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
    for name, index in pairs { ["slots.search"] = OF_PROVIDER, ["slots.search_service"] = FREE_OF_SERVICE,
                               ["slots.search_location"] = FREE_OF_LOCATION, ["providers.list"] = OF_PROVIDER } do
      assert.same({ index }, used(generic(name), SLOTS_IN_ORDER), name)
    end
  end)

  it("of statistics asks the live bookings by their index, however many years there are", function()
    local plan = generic "statistics.all"
    assert.same({ LIVE_BOOKINGS }, used(plan, { LIVE_BOOKINGS }))
    assert.is_nil(plan:find('Seq Scan on "Booking"', 1, true), plan)
  end)

  it("of any statement can do without reading all of a table that grows", function()
    for name in pairs(made) do
      for relation in generic(name, "SET enable_seqscan = off; "):gmatch 'Seq Scan on "([^"]+)"' do
        assert.is_true(CATALOGUES[relation] or UNINDEXED[name] == relation, name .. " reads all of " .. relation)
      end
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
        [OF_PROVIDER] = { { "slots.search", slot.providerId, nil, nil, from, to, nil, 50 },
                               { "slots.search", slot.providerId, slot.serviceId, place, from, to, false, 50 } },
        [FREE_OF_SERVICE] = { { "slots.search_service", nil, slot.serviceId, nil, from, to, nil, 50 } },
        [FREE_OF_LOCATION] = { { "slots.search_location", nil, nil, place, from, to, nil, 50 } },
      } do
        for _, one in ipairs(calls) do
          local plan = executed { one }
          assert.same({ index }, used(plan, { table.unpack(SLOTS_IN_ORDER) }), one[1])
          assert.same({}, used(plan, constraints), one[1])
        end
      end
    end)

    it("reads, books and cancels without the index of a constraint, and asks the live bookings by theirs", function()
      local plans = executed {
        { "providers.list", nil, nil, nil, nil, false, 20 }, { "providers.get", slot.providerId },
        { "slots.facts", slot.providerId }, { "slots.explain", slot.id },
        { "bookings.book", cjson.encode { slotId = slot.id, bookingId = "cvisit", reference = "V1S1T000",
                                          guestName = "Guest", guestEmail = "guest@example.org", isOnline = false } },
        { "bookings.get", "cvisit" },
        { "bookings.move", cjson.encode { bookingId = "cvisit", action = "cancel", event = "cancelled",
                                          fromStatuses = { "PENDING", "CONFIRMED" }, toStatus = "CANCELLED",
                                          reasonCode = "cancelled_by_patient",
                                          closes = { of = "startTime", plus = "-2h" } } },
      }
      assert.truthy(plans:find("FROM mb_slot_status(", 1, true), plans) -- functions called are among them
      assert.same({ LIVE_BOOKINGS }, used(plans, { LIVE_BOOKINGS, table.unpack(constraints) }))
    end)
  end)

  -- What a statement reads, by the plan that serves any values.
  describe("of a list over 2,000 providers and 200,000 slots", function()
    -- 20 at 10,000 providers and 2 million slots (./dev bench lists), whose larger indexes are a level higher.
    local PER_PROVIDER <const>, PER_SLOT <const> = 15, 17
    local LOAD <const> = "\\set providers 2000\n\\set days 10\n"
      .. paths.read(paths.root .. "/tests/fixtures/many_providers.sql")
    local large, from, to, id

    setup(function()
      large = cluster.fresh "schema"
      large.run(LOAD)
      from, to = os.date("!%FT00:00:00Z", os.time() + 86400), os.date("!%FT00:00:00Z", os.time() + 8 * 86400)
      id = function(kind, n) return ("c%s%0" .. 24 - #kind .. "d"):format(kind, n) end
    end)

    -- Rows given, pages of 8 KB looked at, and relations read from end to end.
    local function cost(call)
      local prepare, execute = texts(call)
      local plan = cjson.decode(large.query(prepare .. "SET plan_cache_mode = force_generic_plan; " ..
        "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " .. execute)[1]["QUERY PLAN"])[1].Plan
      local read_whole = {}
      local function walk(node)
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"] > 0 then
          read_whole[#read_whole + 1] = not CATALOGUES[node["Relation Name"]] and node["Relation Name"] or nil
        end
        for _, inner in ipairs(node.Plans or {}) do walk(inner) end
      end
      walk(plan)
      return plan["Actual Rows"], plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], read_whole
    end

    -- A page shows `shown` rows; one more is asked for, as the routes do to know whether it is the last page.
    local function check(shown, call, each)
      local rows, pages, read_whole = cost(call)
      assert.equal(shown + 1, rows, call[1])
      assert.same({}, read_whole, call[1])
      local told = ("%s reads %d pages to show %d rows"):format(call[1], pages, shown)
      assert.is_true(pages <= each * shown, told)
    end

    it("looks at few pages per provider, sold out or not, on the first page and on a late one", function()
      check(20, { "providers.list", nil, nil, nil, nil, nil, 21 }, PER_PROVIDER)
      local middle = large.query [[SELECT "name", "id" FROM "Provider" ORDER BY 1, 2 OFFSET 1900 LIMIT 1]][1]
      check(20, { "providers.list", nil, nil, nil, nil, nil, 21, middle.name, middle.id }, PER_PROVIDER)
      local sold_out = large.query [[UPDATE "CalculatedAvailabilitySlot" SET "status" = 'BOOKED'
        WHERE "providerId" IN (SELECT "id" FROM "Provider" ORDER BY "name" LIMIT 30) AND "status" = 'AVAILABLE'
        RETURNING "id"]]
      assert.is_true(#sold_out > 1000)
      large.run 'VACUUM "CalculatedAvailabilitySlot"'
      check(20, { "providers.list", nil, nil, nil, nil, nil, 21 }, PER_PROVIDER)
    end)

    it("looks at few pages per provider that waits, on the first page and on a late one", function()
      check(20, { "providers.waiting", 21 }, PER_PROVIDER)
      local middle = large.query [[SELECT "statusSince", "id" FROM "Provider" WHERE "status" = 'PENDING_APPROVAL'
        ORDER BY 1, 2 OFFSET 100 LIMIT 1]][1]
      check(20, { "providers.waiting", 21, middle.statusSince, middle.id }, PER_PROVIDER)
    end)

    it("looks, beside those of a status, at few pages per provider of it", function()
      local each = PER_PROVIDER + 10 -- there are 200 of it
      check(20, { "providers.of_status", "PENDING_APPROVAL", 21 }, each)
      local middle = large.query [[SELECT "name", "id" FROM "Provider" WHERE "status" = 'PENDING_APPROVAL'
        ORDER BY 1, 2 OFFSET 100 LIMIT 1]][1]
      check(20, { "providers.of_status", "PENDING_APPROVAL", 21, middle.name, middle.id }, each)
    end)

    it("looks at few pages per slot, of a provider, a service or a location", function()
      check(50, { "slots.search", id("prov", 7), nil, nil, from, to, nil, 51 }, PER_SLOT)
      check(50, { "slots.search_service", nil, id("serv", 7), nil, from, to, nil, 51 }, PER_SLOT)
      check(50, { "slots.search_location", nil, nil, id("loca", 7), from, to, nil, 51 }, PER_SLOT)
      local _, pages = cost { "slots.facts", id("prov", 7) }
      assert.is_true(pages <= 40, pages)
    end)
  end)
end)
