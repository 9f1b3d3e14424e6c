-- Plans and what slots cost under them: over HTTP, and what the database says of tiers beside the kernel.

local cluster = require "support.cluster"
local json = require "cjson"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"

local SEED_TIERS <const> = '{"31-100": 5.00, "101-300": 4.00, "301+": 3.00}'

-- tiers as they are sent -> the range that is told, and a part of why; folded: jsonb does not show it any more
local REFUSED <const> = {
  { '{"31-100": 5, "102-300": 4, "301+": 3}', "102-300", "slot 101 without a price" },
  { '{"40-100": 5, "101+": 4}', "40-100", "slot 31 without a price" },
  { '{"31-100": 5, "100-300": 4, "301+": 3}', "100-300", "within the range before" },
  { '{"31-100": 5}', "31-100", "no open end" },
  { '{"31+": 5, "101+": 4}', "101+", "second open end" },
  { '{"100-31": 5, "101+": 4}', "100-31", "ends before it begins" },
  { '{"30-100": 5, "101+": 4}', "30-100", "within the included" },
  { '{"31-100": 5, "31-100": 5, "101+": 4}', "31-100", "twice", folded = true },
  { "{}", "", "no range" },
  { '{"31+": -5}', "31+", "below zero" },
  { '{"31+": "5.00"}', "31+", "number" },
  { '{"31+": null}', "31+", "no number" },
  { '{"31+": 5.005}', "31+", "one or two digits" },
  { '{"31+": 1e1}', "31+", "exponent", folded = true },
  { '{"31+": 123456789}', "31+", "over 99999999.99" },
  { '{"031-100": 5, "101+": 4}', "031-100", "is written 31-100" },
  { '{"31 - 100": 5, "101+": 4}', "31 - 100", "is written 31-100" },
  { '{"31-": 5}', "31-", "is written 31-100" },
  { '{"+301": 5}', "+301", "is written 31-100" },
  { '{"a/b~c": 5}', "a/b~c", "is written 31-100" },
}

local PRICES <const> = {
  [0] = "300.00", [30] = "300.00", [31] = "305.00", [100] = "650.00", [101] = "654.00", [300] = "1450.00",
  [301] = "1453.00", [350] = "1600.00", [1000] = "3550.00", [1000000] = "3000550.00",
}

local function quoted(text) return "'" .. text:gsub("'", "''") .. "'" end

describe("plans", function()
  local app, database
  local serial = 0

  local function ask(method, path, who, body, headers)
    headers = headers or {}
    headers.Authorization = who and "Bearer " .. who or nil
    headers["Content-Type"] = body and "application/json" or nil
    return app:request(method, path, { headers = headers, body = body })
  end

  -- The text of a plan, as it is sent. fields: name -> JSON text.
  local function text_of(fields)
    serial = serial + 1
    local all = {
      slug = ('"plan-%d"'):format(serial), name = '"Standard"', basePrice = '"300.00"', interval = '"MONTHLY"',
      tierPricing = SEED_TIERS,
    }
    for name, value in pairs(fields or {}) do all[name] = value or nil end
    local parts = {}
    for name, value in pairs(all) do parts[#parts + 1] = ('"%s":%s'):format(name, value) end
    return "{" .. table.concat(parts, ",") .. "}"
  end

  local function make(fields)
    local r = ask("POST", "/v1/plans", "root", text_of(fields))
    assert.equal(201, r.status, r.body)
    return r.json, r
  end

  local function change(plan, fields, version)
    return ask("PATCH", "/v1/plans/" .. plan.id, "root", fields, { ["If-Match"] = ('"%d"'):format(version) })
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    app = server.start { database = database }
  end)

  before_each(function() database.run [[DELETE FROM "SubscriptionPlan" WHERE "id" <> 'plan']] end)

  it("are kept as they were sent, and shown to everybody", function()
    local made, answer = make { features = '{"reports": true, "support": ["mail"]}', maxProviders = "3" }
    local r = ask("GET", "/v1/plans/" .. made.id)
    assert.equal(200, r.status, r.body)
    assert.same(made, r.json)
    assert.equal("300.00", r.json.basePrice)
    assert.equal("ZAR", r.json.currency)
    assert.equal(30, r.json.includedSlots)
    assert.same({ reports = true, support = { "mail" } }, r.json.features)
    assert.equal(3, r.json.maxProviders)
    assert.equal(json.null, r.json.maxLocations)
    assert.is_true(r.json.isActive)
    for _, body in ipairs { answer.body, r.body } do
      assert.truthy(body:find('"101-300": 4.00', 1, true), body)
    end
  end)

  it("are made and changed by who administers the platform, and by nobody else", function()
    for who, status in pairs { patient = 403, admin = 403, root = 201 } do
      assert.equal(status, ask("POST", "/v1/plans", who, text_of()).status, who)
    end
    assert.equal(401, ask("POST", "/v1/plans", nil, text_of()).status)
    local plan = make()
    assert.equal(403, ask("PATCH", "/v1/plans/" .. plan.id, "admin", '{"name":"x"}').status)
    assert.equal(405, ask("DELETE", "/v1/plans/" .. plan.id, "root").status)
  end)

  it("are made once by a request that is repeated, with the digits that it was sent with", function()
    local text, key = text_of { tierPricing = '{"31+": 5.10}' }, { ["Idempotency-Key"] = "once" }
    local first = ask("POST", "/v1/plans", "root", text, key)
    assert.equal(201, first.status, first.body)
    assert.equal(first.body, ask("POST", "/v1/plans", "root", text, key).body)
    local other = ask("POST", "/v1/plans", "root", (text:gsub("5%.10", "5.1")), key)
    assert.equal("idempotency_mismatch", other.json.code)
    assert.equal("2", psql.value(database.url, [[SELECT count(*) FROM "SubscriptionPlan"]]))
  end)

  it("have a slug each that stays", function()
    local plan = make { slug = '"once"' }
    local r = ask("POST", "/v1/plans", "root", text_of { slug = '"once"' })
    assert.equal(409, r.status)
    assert.equal("slug_taken", r.json.code)
    assert.equal(422, change(plan, '{"slug":"other"}', 1).status)
    for _, slug in ipairs { "Once", "a b", "-a", "a-", "a--b", "\u{e9}" } do
      r = ask("POST", "/v1/plans", "root", text_of { slug = json.encode(slug) })
      assert.equal(422, r.status, slug)
      assert.equal("/slug", r.json.errors[1].pointer)
    end
  end)

  it("are refused with nonsense tiers, which are told by their range", function()
    for _, case in ipairs(REFUSED) do
      local tiers, range, why = case[1], case[2], case[3]
      local r = ask("POST", "/v1/plans", "root", text_of { tierPricing = tiers })
      assert.equal(422, r.status, tiers)
      local told = r.json.errors[1]
      local pointer = range ~= "" and "/" .. range:gsub("~", "~0"):gsub("/", "~1") or ""
      assert.equal("/tierPricing" .. pointer, told.pointer, tiers)
      assert.truthy(told.detail:find(why, 1, true), told.detail)
      assert.truthy(told.detail:find(range, 1, true), told.detail)
    end
    for _, tiers in ipairs { "[]", "5", '"{}"', "null" } do
      local r = ask("POST", "/v1/plans", "root", text_of { tierPricing = tiers })
      assert.equal(422, r.status, tiers)
      assert.equal("/tierPricing", r.json.errors[1].pointer)
    end
    assert.equal("0", psql.value(database.url, [[SELECT count(*) FROM "SubscriptionPlan" WHERE "id" <> 'plan']]))
  end)

  it("are refused with nonsense tiers by the database too", function()
    for _, case in ipairs(REFUSED) do
      local fault = psql.value(database.url, ("SELECT mb_tiers_fault(%s, 30)"):format(quoted(case[1])))
      if case.folded then
        assert.is_nil(fault, case[1])
      else
        assert.truthy(fault:find(case[3], 1, true), fault)
        assert.equal(case[2] ~= "" and case[2] .. ": " or "", fault:sub(1, case[2] ~= "" and #case[2] + 2 or 0))
        local ok, text = pcall(database.run, ([[UPDATE "SubscriptionPlan" SET "tierPricing" = %s, "includedSlots" = 30
          WHERE "id" = 'plan']]):format(quoted(case[1])))
        assert.is_false(ok)
        assert.truthy(text:find("SubscriptionPlan_tierPricing_check", 1, true), text)
      end
    end
    assert.is_nil(psql.value(database.url, ("SELECT mb_tiers_fault(%s, 30)"):format(quoted(SEED_TIERS))))
  end)

  it("are judged by what they would be then", function()
    local plan = make()
    local r = change(plan, '{"includedSlots":31}', 1)
    assert.equal(422, r.status)
    assert.equal("/tierPricing/31-100", r.json.errors[1].pointer)
    r = change(plan, '{"includedSlots":0,"tierPricing":{"1+": 0.10}}', 1)
    assert.equal(200, r.status, r.body)
    assert.truthy(r.body:find('{"1+": 0.10}', 1, true), r.body)
    assert.equal("300.10", ask("GET", ("/v1/plans/%s/quote?slots=1"):format(plan.id)).json.total)
  end)

  it("are of a currency with cents, and cost no more than an amount may", function()
    for field, values in pairs {
      currency = { '"JPY"', '"KWD"', '"zar"', '"Rand"' }, basePrice = { '"-1"', '"100000000"', '"1.005"', "300" },
      includedSlots = { "-1", "1000001", '"30"' }, interval = { '"YEARLY"' }, maxProviders = { "0" },
      features = { "[]", '"x"', '{"x":"' .. ("y"):rep(4000) .. '"}' },
    } do
      for _, value in ipairs(values) do
        local r = ask("POST", "/v1/plans", "root", text_of { [field] = value })
        assert.equal(422, r.status, field .. value)
        assert.equal("/" .. field, r.json.errors[1].pointer)
      end
    end
  end)

  it("price slots as the vectors say", function()
    local plan = make { tierPricing = '{"301+":3.00,"31-100":5.0,"101-300":4}' }
    for slots, total in pairs(PRICES) do
      local r = ask("GET", ("/v1/plans/%s/quote?slots=%d"):format(plan.id, slots))
      assert.equal(200, r.status, r.body)
      assert.equal(total, r.json.total, slots)
    end
    assert.same({
      planId = plan.id, slug = plan.slug, name = "Standard", currency = "ZAR", interval = "MONTHLY", slots = 350,
      includedSlots = 30, base = "300.00", total = "1600.00",
      tiers = {
        { first = 31, last = 100, slots = 70, unitPrice = "5.00", amount = "350.00" },
        { first = 101, last = 300, slots = 200, unitPrice = "4.00", amount = "800.00" },
        { first = 301, last = json.null, slots = 50, unitPrice = "3.00", amount = "150.00" },
      },
    }, ask("GET", ("/v1/plans/%s/quote?slots=350"):format(plan.id)).json)
  end)

  it("price whole numbers of slots, as far as an amount goes", function()
    local plan = make()
    for _, slots in ipairs { "-1", "1000000000", "1e9", "abc", "1.5", "", "99999999999999999999" } do
      local r = ask("GET", ("/v1/plans/%s/quote?slots=%s"):format(plan.id, slots))
      assert.equal(422, r.status, slots)
      assert.equal("/slots", r.json.errors[1].pointer)
    end
    assert.equal(422, ask("GET", ("/v1/plans/%s/quote"):format(plan.id)).status)
    local r = ask("GET", ("/v1/plans/%s/quote?slots=999999999"):format(plan.id))
    assert.equal(422, r.status)
    assert.equal("amount_too_large", r.json.code)
    assert.equal("/slots", r.json.errors[1].pointer)
  end)

  it("are compared, the cheapest first and other currencies last", function()
    database.run [[UPDATE "SubscriptionPlan" SET "isActive" = false WHERE "id" = 'plan']]
    local dear = make { name = '"Dear"' }
    local flat = make { name = '"Flat"', basePrice = '"1599.99"', includedSlots = "0", tierPricing = '{"1+":0}' }
    make { name = '"Euro"', currency = '"EUR"', basePrice = '"1"' }
    make { name = '"Too much"', basePrice = '"99999999.99"' }
    make { name = '"Retired"', isActive = "false" }
    local r = ask("GET", ("/v1/plans/%s/quote?slots=350&compare=true"):format(dear.id))
    assert.equal(200, r.status, r.body)
    assert.equal("1600.00", r.json.total)
    local told = {}
    for i, it in ipairs(r.json.plans) do told[i] = it.name .. " " .. it.currency .. " " .. it.total end
    assert.same({ "Flat ZAR 1599.99", "Dear ZAR 1600.00", "Euro EUR 1301.00" }, told)
    assert.is_nil(r.json.plans[1].plans)
    assert.is_nil(ask("GET", ("/v1/plans/%s/quote?slots=350"):format(flat.id)).json.plans)
    database.run [[UPDATE "SubscriptionPlan" SET "isActive" = true WHERE "id" = 'plan']]
  end)

  it("keep every price that they had", function()
    local plan = make()
    assert.equal(200, change(plan, '{"name":"Other","maxProviders":5}', 1).status)
    assert.equal(200, change(plan, '{"basePrice":"310.00"}', 2).status)
    assert.equal(200, change(plan, '{"tierPricing":{"31+":2.50}}', 3).status)
    assert.equal(200, change(plan, '{"tierPricing":{"31+":2.50}}', 4).status)
    local r = ask("GET", ("/v1/plans/%s/versions"):format(plan.id))
    assert.equal(200, r.status, r.body)
    local told = {}
    for i, it in ipairs(r.json.data) do told[i] = { it.number, it.basePrice, it.tierPricing } end
    assert.same({
      { 3, "310.00", { ["31+"] = 2.5 } }, { 2, "310.00", json.decode(SEED_TIERS) },
      { 1, "300.00", json.decode(SEED_TIERS) },
    }, told)
    r = ask("GET", ("/v1/plans/%s/versions?limit=2"):format(plan.id))
    assert.equal(2, #r.json.data)
    r = ask("GET", ("/v1/plans/%s/versions?limit=2&cursor=%s"):format(plan.id, r.json.nextCursor))
    assert.equal(1, r.json.data[1].number)
    assert.equal(json.null, r.json.nextCursor)
    for _, sql in ipairs { [[UPDATE "SubscriptionPlanPrice" SET "basePrice" = 1]],
      [[DELETE FROM "SubscriptionPlanPrice"]] } do
      local ok, text = pcall(database.run, "SET ROLE medbookd_app; " .. sql)
      assert.is_false(ok)
      assert.truthy(text:find("permission denied", 1, true), text)
    end
  end)

  it("are retired, and then nobody sees them but who administers the platform", function()
    local plan = make()
    assert.equal(200, change(plan, '{"isActive":false}', 1).status)
    for _, path in ipairs { "", "/quote?slots=1", "/versions" } do
      for who, status in pairs { none = 404, patient = 404, admin = 404, root = 200 } do
        local r = ask("GET", "/v1/plans/" .. plan.id .. path, who ~= "none" and who or nil)
        assert.equal(status, r.status, who .. path)
      end
    end
    for who, count in pairs { none = 1, admin = 1, root = 2 } do
      assert.equal(count, #ask("GET", "/v1/plans", who ~= "none" and who or nil).json.data, who)
    end
  end)
end)

-- The total as another hand computes it: one row for each range.
local TOTAL <const> = [[
WITH given AS (
    SELECT row_number() OVER () AS n, * FROM plan
), priced AS (
    SELECT g.n, g.base + coalesce(sum(greatest(0, least(g.slots, coalesce(nullif(m[2], '')::bigint, g.slots))
                                                  - m[1]::bigint + 1) * (e.value #>> '{}')::numeric), 0) AS total
      FROM given g
     CROSS JOIN LATERAL jsonb_each(g.tiers) e
     CROSS JOIN LATERAL regexp_match(e.key, '^(\d+)[-+](\d*)$') m
     WHERE mb_tiers_fault(g.tiers, g.included) IS NULL
     GROUP BY g.n, g.base
)
SELECT g.tiers, g.base, g.included, g.slots, g.cost, p.total
  FROM given g
  LEFT JOIN priced p USING (n)
 WHERE g.cost IS DISTINCT FROM CASE WHEN p.total IS NULL THEN '-' WHEN p.total > 99999999.99 THEN '+'
                                    ELSE p.total::numeric(10,2)::text END
 LIMIT 1]]

describe("the kernel, an oracle and the database", function()
  it("say the same of random plans", function()
    local count = tonumber(os.getenv "MB_PLANS" or 1000)
    local database = cluster.fresh "schema"
    local made = process.run({ paths.build() .. "/tests/tools/plans", tostring(count) }, { within = 600 })
    assert.equal(0, made.code, made.err)
    database.run([[CREATE TABLE plan (tiers jsonb, base numeric, included integer, slots bigint, cost text);
      COPY plan FROM stdin;
]] .. made.out .. "\\.\n")
    assert.equal(tostring(count), psql.value(database.url, "SELECT count(*) FROM plan"))
    assert.is_true(tonumber(psql.value(database.url, "SELECT count(*) FROM plan WHERE cost ~ '\\d'")) > count / 2)
    assert.same({}, database.query(TOTAL), made.err)
  end)
end)
