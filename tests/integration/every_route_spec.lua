-- What holds of every route, worked out from the document of the running server, so that no later one escapes it: who
-- gets through (tests/contract/access.lua), what a body may never assign, what no answer shows, and that a list can be
-- walked while rows come and go.

local access = dofile "tests/contract/access.lua"
local cluster = require "support.cluster"
local json = require "cjson"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"
local status = require "support.status"

local CALLERS <const> = {
  "none", "patient", "stranger", "doctor", "doctor2", "user", "chief", "manager", "staff", "clerk", "elsewhere",
  "others", "suspended", "foreign", "admin", "root", "holder",
}

-- What nobody may ever read, and where people can be reached, each with who may read that.
local PEOPLE <const> = [[
UPDATE "User" SET "password" = '$argon2id$never-shown', "emailVerified" = now(), "phone" = '+27820000001',
       "email" = coalesce("email", "id" || '@example.net') WHERE "id" <> 'patient';
UPDATE "User" SET "password" = '$argon2id$never-shown', "emailVerified" = now(), "phone" = '+27829999999'
 WHERE "id" = 'patient';
INSERT INTO "ServiceAvailabilityConfig" ("id", "serviceId", "providerId", "duration", "price", "isInPerson",
                                         "isStanding")
VALUES ('config2', 'service', 'provider2', 30, 1, true, true);
INSERT INTO "Booking" ("id", "slotId", "clientId", "providerId", "serviceId", "serviceConfigId", "startTime", "endTime",
                       "price", "isOnline", "isInPerson", "status", "reference", "bufferBefore", "bufferAfter",
                       "cancelledAt", "reasonCode")
SELECT 'foreign', NULL, 'stranger', 'provider2', 'service', 'config2', '2100-02-01 08:00Z', '2100-02-01 08:30Z',
       1, false, true, 'CANCELLED', 'F0RE1GN0', 0, 0, now(), 'x';
INSERT INTO "User" ("id", "email", "emailVerified") VALUES ('target', 'target@example.net', now());
INSERT INTO "ProviderType" ("id", "name") SELECT 'type' || i, chr(70 + 3 * i) || 'ist' FROM generate_series(1, 3) i;
INSERT INTO "Service" ("id", "name", "defaultDuration", "defaultPrice", "providerTypeId")
SELECT 'service' || i, 'M', 30, 1, 'type' FROM generate_series(1, 3) i;
INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId")
SELECT 'requirement' || i, 'Licence', 'BOOLEAN', 'type' FROM generate_series(1, 3) i;
INSERT INTO "RequirementSubmission" ("id", "requirementTypeId", "providerId", "documentMetadata")
SELECT 'submission' || i, 'requirement' || i, 'provider', '{"value": true}' FROM generate_series(1, 2) i;
INSERT INTO "SubscriptionPlan" ("id", "name", "basePrice", "interval", "includedSlots", "tierPricing", "isActive")
VALUES ('retired', 'Once', 1, 'MONTHLY', 0, '{"1+": 0}', false);
UPDATE "SubscriptionPlan" SET "basePrice" = "basePrice" + 1;
INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId")
VALUES ('paper', 'Paper', 'DOCUMENT', 'type');
INSERT INTO "ProviderFile" ("id", "providerId", "size", "reserved", "mediaType", "sha256", "completedAt")
SELECT f || ' of ' || "id", "id", 11, 11, 'application/pdf', repeat('0', 64), now()
  FROM "Provider", unnest('{approved,waiting}'::text[]) f;
INSERT INTO "ProviderFilePiece" ("fileId", "number", "bytes") SELECT "id", 1, 'only theirs' FROM "ProviderFile"
 WHERE "completedAt" IS NOT NULL;
INSERT INTO "RequirementSubmission" ("requirementTypeId", "providerId", "documentMetadata", "approvedMetadata",
                                     "approvedAt")
SELECT 'paper', "id", jsonb_build_object('fileId', 'waiting of ' || "id", 'fileName', 'a.pdf'),
       jsonb_build_object('fileId', 'approved of ' || "id", 'fileName', 'a.pdf'), now()
  FROM "Provider";
INSERT INTO "ProviderFile" ("id", "providerId", "size", "reserved", "mediaType", "sha256", "completedAt")
VALUES ('image', 'provider', 1, 1, 'image/png', repeat('0', 64), now());
INSERT INTO "ProviderFilePiece" ("fileId", "number", "bytes") VALUES ('image', 1, 'x');
UPDATE "Provider" SET "imageFileId" = 'image' WHERE "id" = 'provider';
INSERT INTO "User" ("id") VALUES ('doctor3');
INSERT INTO "Provider" ("id", "name", "userId", "image", "status") VALUES ('provider3', 'y', 'doctor3', 'y', 'ACTIVE');
UPDATE "Provider" SET "compliantUntil" = 'infinity';
INSERT INTO "StatusHistory" ("resource", "resourceId", "action", "fromStatus", "toStatus")
VALUES ('Provider', 'provider', 'pay', 'PAYMENT_OVERDUE', 'ACTIVE'),
       ('Organization', 'org', 'activate', 'TRIAL', 'ACTIVE'),
       ('Organization', 'org', 'pay', 'PAYMENT_OVERDUE', 'ACTIVE');
DELETE FROM "Session";
]]
local SESSIONS <const> = [[
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
SELECT "id", encode(sha256("id"::bytea), 'hex'), '2100-01-01' FROM "User"
ON CONFLICT DO NOTHING;
INSERT INTO "Session" ("id", "userId", "tokenHash", "expiresAt")
SELECT 'session of ' || "id", "id", encode(sha256(('second ' || "id")::bytea), 'hex'), '2100-01-01' FROM "User"
ON CONFLICT DO NOTHING;
INSERT INTO "ApiKey" ("id", "userId", "name", "prefix", "tokenHash", "permissions")
SELECT k || ' of ' || "id", "id", 'bot', 'mbk_x', encode(sha256((k || "id")::bytea), 'hex'), '{}'
  FROM "User", unnest('{key,second}'::text[]) k
ON CONFLICT DO NOTHING;
INSERT INTO "Account" ("id", "userId", "type", "provider", "providerAccountId")
SELECT k || ' of ' || "id", "id", 'oidc', k, "id" FROM "User", unnest('{account,another}'::text[]) k
ON CONFLICT DO NOTHING]]
local THEIRS <const> = "only theirs" -- a document, which its provider and administrators read
local SECRETS <const> = { "$argon2", "tokenHash", "never-shown", "fileId", "waiting of" }
local CONTACTS <const> = { ["sipho@example.org"] = "patient admin root", ["+27829999999"] = "patient admin root" }

local function words(text)
  local set = {}
  for word in text:gmatch "%S+" do set[word] = true end
  return set
end

-- Who of CALLERS a text of the table means.
local function meant(text)
  local set = words(text or "")
  for _, who in ipairs(CALLERS) do
    if set["*"] or set["+"] and who ~= "none" and who ~= "holder" then set[who] = true end
  end
  return set
end

describe("every route", function()
  local app, database, document, holder
  local routes = {} -- "GET /v1/…" -> operation

  local function token_of(who) return who == "holder" and holder or who ~= "none" and who or nil end

  local function ask(route, id, who, options)
    local method, path = route:match "(%u+) (.*)"
    local all = { headers = { Authorization = token_of(who) and "Bearer " .. token_of(who) or nil } }
    for key, value in pairs(options or {}) do all[key] = value end
    local ids = {}
    for one in (id or "none"):gmatch "[^/]+" do ids[#ids + 1] = one:gsub(" ", "%%20") end
    local n = 0
    local target = path:gsub("{%w+}", function()
      n = n + 1
      return ids[n] or ids[1]
    end)
    return app:request(method, target, all)
  end

  local function resource_of(route) return route:match "/v1/([%w-]+)" end

  -- The values that its query needs.
  local function query_of(operation)
    local list = {}
    for _, it in ipairs(operation.parameters or {}) do
      local value = it.schema.type == "integer" and "1" or "abc"
      if it["in"] == "query" and it.required then list[#list + 1] = it.name .. "=" .. value end
    end
    return #list > 0 and "?" .. table.concat(list, "&") or ""
  end

  local function body_of(operation)
    local content = operation.requestBody and operation.requestBody.content["application/json"]
    return content and content.example, content and content.schema
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run(PEOPLE .. status.sql("PENDING_APPROVAL", "ACTIVE") .. ";" .. SESSIONS)
    app = server.start { database = database, workers = 1 }
    local made = ask("POST /v1/bookings", nil, "patient", { body = { slotId = "1000", isOnline = false } })
    assert.equal(201, made.status, made.body)
    holder, access.resources.bookings.own = made.json.manageToken, made.json.id
    document = app:get("/openapi.json").json
    for path, item in pairs(document.paths) do
      for method, operation in pairs(item) do
        if path:find "^/v1/" then routes[method:upper() .. " " .. path] = operation end
      end
    end
  end)

  it("stands in the table of who gets through, and no other", function()
    local missing, stale = {}, {}
    for route in pairs(routes) do missing[#missing + 1] = not access.routes[route] and route or nil end
    for route in pairs(access.routes) do stale[#stale + 1] = not routes[route] and route or nil end
    assert.same({ missing = {}, stale = {} }, { missing = missing, stale = stale })
    for route in pairs(routes) do
      assert.is_table(access.resources[resource_of(route)], "tests/contract/access.lua names no table for " .. route)
    end
  end)

  -- Nothing that must not be shown is in an answer.
  local function expect_discreet(r, who, what)
    for _, secret in ipairs(SECRETS) do assert.is_nil(r.body:find(secret, 1, true), what .. " shows " .. secret) end
    if not words("doctor doctor2 admin root")[who] then assert.is_nil(r.body:find(THEIRS, 1, true), what) end
    for contact, readers in pairs(CONTACTS) do
      if not words(readers)[who] then assert.is_nil(r.body:find(contact, 1, true), what .. " shows " .. contact) end
    end
  end

  local function expect_access(route, kind, id, allowed)
    local operation = routes[route]
    for _, who in ipairs(CALLERS) do
      local what = ("%s of %s for %s"):format(route, kind, who)
      local r = ask(route .. query_of(operation), id, who, { body = body_of(operation) })
      local is_through = r.status ~= 401 and r.status ~= 403 and r.status ~= 404 or access.routes[route].refuses
      assert.is_true(r.status < 500 or r.json.code == "not_provided", what .. ": " .. r.body)
      if allowed[who] then
        assert.is_true(is_through, ("%s: %d %s"):format(what, r.status, r.body))
      else
        local code = r.status == 401 and (who == "none" or who == "holder") or r.status == 403 or r.status == 404
        assert.is_true(code, ("%s: %d"):format(what, r.status))
      end
      expect_discreet(r, who, what)
    end
  end

  it("lets through whom the table names, and nobody else, and shows nobody what is not theirs", function()
    local names = {}
    for route in pairs(routes) do names[#names + 1] = route end
    table.sort(names) -- DELETE, which changes nothing here as it lacks If-Match, then GET, then the others
    for _, route in ipairs(names) do
      local row, resource = access.routes[route], access.resources[resource_of(route)]
      for _, kind in ipairs { "all", "own", "foreign" } do
        if row[kind] then
          database.run(SESSIONS) -- a route may end some
          expect_access(route, kind, (row.rows or resource)[kind], meant(row[kind]))
        end
      end
      if route:find("{", 1, true) then
        local public = meant(row.own or row.all).none
        for _, who in ipairs { "none", "patient", "user", "root" } do
          local r = ask(route .. query_of(routes[route]), "missing", who, { body = body_of(routes[route]) })
          assert.equal(who == "none" and not public and 401 or 404, r.status, route .. " of a missing row for " .. who)
        end
      end
    end
  end)

  it("takes the token of a row, or what begins like one, for none where no row has one", function()
    local refused = 0
    for route in pairs(routes) do
      local row, resource = access.routes[route], resource_of(route)
      if resource ~= "bookings" and not meant(row.own or row.all).none then
        local r = ask(route .. query_of(routes[route]), "missing", "holder", { body = body_of(routes[route]) })
        assert.equal(401, r.status, route .. ": " .. r.body)
        assert.equal("Bearer", r.headers["www-authenticate"], route)
        refused = refused + 1
      end
    end
    assert.is_true(refused > 20)
  end)

  -- Every word of `list` as fields of a body that are refused, at most 30 in one.
  local function expect_refused(route, list, valid)
    for from = 1, #list, 30 do
      local body, wanted = {}, {}
      for key, value in pairs(valid) do body[key] = value end
      for i = from, math.min(from + 29, #list) do
        body[list[i]] = "x"
        wanted["/" .. list[i]] = true
      end
      local r = ask(route, "none", "root", { body = body })
      assert.equal(422, r.status, route)
      for _, it in ipairs(r.json.errors) do
        if it.detail == "is not a known field" then wanted[it.pointer] = nil end
      end
      assert.same({}, wanted, route)
    end
  end

  it("takes in its body what it declares, and no other column of its table", function()
    local bodies = 0
    database.run(SESSIONS)
    for route, operation in pairs(routes) do
      local example, schema = body_of(operation)
      if schema then
        bodies = bodies + 1
        schema = schema.properties and schema or document.components.schemas[schema["$ref"]:match "[^/]+$"]
        local declared = schema.properties or {}
        local name = access.routes[route].table or access.resources[resource_of(route)].table
        local others = { "invented" }
        for _, column in ipairs(database.query(([[SELECT "attname" FROM pg_attribute
          WHERE attrelid = '"%s"'::regclass AND attnum > 0 AND NOT attisdropped]]):format(name))) do
          if not declared[column.attname] then others[#others + 1] = column.attname end
        end
        local digest = ([[SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM "%s" t]]):format(name)
        local before = psql.value(database.url, digest)
        expect_refused(route, others, example)
        assert.equal(before, psql.value(database.url, digest), route .. " wrote something")
      end
    end
    assert.is_true(bodies > 10)
  end)

  -- The ids of a list, by pages of this size; between(n) runs after page n.
  local function walk(path, how, limit, between)
    local ids, cursor, n = {}, nil, 0
    repeat
      n = n + 1
      local r = ask("GET " .. path .. "?limit=" .. limit .. (how.query and "&" .. how.query or "")
        .. (cursor and "&cursor=" .. cursor or ""), how.id, "root")
      assert.equal(200, r.status, r.body)
      for _, row in ipairs(r.json.data) do ids[#ids + 1] = row[how.key or "id"] end
      cursor = r.json.nextCursor ~= json.null and r.json.nextCursor or nil
      if between then between(n) end
    until not cursor
    return ids, n
  end

  it("that lists is walked, each row once and none left out, while others come and go", function()
    database.run(SESSIONS)
    for route, operation in pairs(routes) do
      local path, is_list = route:match "^GET (.*)", false
      for _, it in ipairs(operation.parameters or {}) do is_list = is_list or it.name == "cursor" end
      if is_list then
        local how = assert(access.lists[path], "tests/contract/access.lua does not say how rows come to " .. path)
        local standing = walk(path, how, 100)
        assert.is_true(#standing > 1, path .. " has too few rows")
        local ids, pages = walk(path, how, 1, function(n)
          if n % 3 ~= 0 then
            database.run((how.add:gsub("%%d", n):gsub("%%%%", "%%")))
          elseif how.remove then
            database.run(how.remove)
          end
        end)
        if how.remove then database.run(how.remove) end
        local times = {}
        for _, id in ipairs(ids) do times[id] = (times[id] or 0) + 1 end
        for _, id in ipairs(standing) do assert.equal(1, times[id], id .. " of " .. path) end
        assert.is_true(pages <= 2 * #ids + 1)
        if not how.remove then standing = walk(path, how, 100) end
        assert.same(standing, walk(path, how, 1), path) -- and no empty page at the end
        local _, count = walk(path, how, 1)
        assert.equal(#standing, count, path)
      end
    end
  end)
end)
