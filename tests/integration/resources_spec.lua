-- Resources as data: what the routes of one do, and that a list holds exactly the rows that its rule allows. The
-- resources under test are made of tests/fixtures/resources, one for each kind of rule, all on one table.

local cluster = require "support.cluster"
local home = require "support.home"
local json = require "cjson"
local mime = require "mime"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"

local FIXTURES <const> = paths.root .. "/tests/fixtures"
local RULES <const> = {
  "public", "signed_in", "owner", "provider", "admin", "role", "permission", "any", "all", "none", "mixed",
  "shown", "unshown",
}
local EVERYBODY <const> = {
  "user", "doctor", "patient", "admin", "root", "stranger", "staff", "clerk", "manager", "elsewhere", "others",
  "suspended", "foreign", "doctor2",
}

local URL <const> = { ["+"] = "-", ["/"] = "_", ["="] = "" } -- base64 as cursors have it

local function make_home()
  local dir = home.with()
  process.check { "mkdir", "-p", dir .. "/lua/resources" }
  process.check { "cp", FIXTURES .. "/resources/rules.lua", dir .. "/lua/permissions/rooms.lua" }
  process.check { "cp", FIXTURES .. "/resources/workflow.lua", dir .. "/lua/workflows/states/rooms.lua" }
  local problems = dir .. "/lua/documentation/problems.lua"
  paths.write(problems, (paths.read(problems):gsub("  already_confirmed = ", [[
  already_open = { 409, "It is open.", "Nothing is left to do." },
  already_shut = { 409, "It is shut.", "Nothing is left to do." },
  already_gone = { 409, "It is gone.", "Nothing is left to do." },
  already_confirmed = ]])))
  local text = paths.read(FIXTURES .. "/resources/rooms.lua")
  for _, rule in ipairs(RULES) do
    paths.write(("%s/lua/resources/rooms_%s.lua"):format(dir, rule),
      (text:gsub("rooms%-RULE", "rooms-" .. rule:gsub("_", "-")):gsub("RULE", rule)))
  end
  return dir
end

-- Rooms that belong to people in many ways.
local ROOMS <const> = [[
INSERT INTO "Room" ("id", "name", "ownerId", "providerId", "organizationId", "locationId")
SELECT 'r' || row_number() OVER (ORDER BY o, p, g, l), 'Room ' || row_number() OVER (ORDER BY o, p, g, l), o, p, g, l
  FROM unnest('{patient,user,null}'::text[]) a(o), unnest('{provider,null}'::text[]) b(p),
       unnest('{org,org2,null}'::text[]) c(g), unnest('{location,location2,null}'::text[]) d(l);
UPDATE "Room" SET "ownerId" = nullif("ownerId", 'null'), "providerId" = nullif("providerId", 'null'),
       "organizationId" = nullif("organizationId", 'null'), "locationId" = nullif("locationId", 'null'),
       "isShown" = CASE right("id", 1) WHEN '1' THEN true WHEN '2' THEN false END]]

describe("a resource", function()
  local app, database

  local function ask(method, path, who, options)
    local all = { headers = { Authorization = who and "Bearer " .. who or nil } }
    for key, value in pairs(options or {}) do
      if key == "headers" then
        for name, text in pairs(value) do all.headers[name] = text end
      else
        all[key] = value
      end
    end
    return app:request(method, path, all)
  end

  -- One row more; returns it and the path of it.
  local function make(body, rule, who)
    local path = "/v1/rooms-" .. (rule or "admin")
    local r = ask("POST", path, who or "admin", { body = body })
    assert.equal(201, r.status, r.body)
    assert.equal(path .. "/" .. r.json.id, r.headers.location)
    return r.json, r.headers.location
  end

  -- Every row of a list, by pages of this size.
  local function walk(path, who, limit)
    local rows, cursor = {}, nil
    repeat
      local mark = path:find("?", 1, true) and "&" or "?"
      local r = ask("GET", ("%s%slimit=%d%s"):format(path, mark, limit or 100,
        cursor and "&cursor=" .. cursor or ""), who)
      assert.equal(200, r.status, r.body)
      for _, row in ipairs(r.json.data) do rows[#rows + 1] = row end
      local before = cursor
      cursor = r.json.nextCursor ~= json.null and r.json.nextCursor or nil
      assert.is_true(cursor == nil or cursor ~= before and #r.json.data > 0)
    until not cursor
    return rows
  end

  local function count(sql) return tonumber(psql.value(database.url, "SELECT count(*) FROM " .. sql)) end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, FIXTURES .. "/one_of_each.sql")
    psql.file(database.url, FIXTURES .. "/people.sql")
    psql.file(database.url, FIXTURES .. "/resources/rooms.sql")
    database.run(ROOMS)
    app = server.start { database = database, env = { MEDBOOKD_HOME = make_home() } }
  end)

  before_each(function() database.run [[TRUNCATE "Chair"; DELETE FROM "Room" WHERE "id" !~ '^r\d+$']] end)

  for _, rule in ipairs(RULES) do
    it("lists for everybody exactly the rows that it shows one by one: " .. rule, function()
      local path = "/v1/rooms-" .. rule:gsub("_", "-")
      local seen = 0
      for _, who in ipairs(EVERYBODY) do
        local listed, shown = {}, {}
        for _, row in ipairs(walk(path, who)) do
          assert.is_nil(listed[row.id], row.id .. " came twice")
          listed[row.id] = true
        end
        for i = 1, 54 do
          local r = ask("GET", path .. "/r" .. i, who)
          assert.is_true(r.status == 200 or r.status == 404, r.body)
          shown["r" .. i] = r.status == 200 or nil
        end
        assert.same(shown, listed, who)
        seen = seen + (next(shown) and 1 or 0)
      end
      assert.is_true(seen > 0 and (rule == "public" or rule == "signed_in" or rule == "none" or rule:find "shown" ~= nil
        or seen < #EVERYBODY))
    end)
  end

  it("shows everybody, also who is not signed in, rows whose column says so", function()
    local listed = {}
    for _, row in ipairs(walk("/v1/rooms-shown", nil, 2)) do listed[#listed + 1] = row.id end
    table.sort(listed)
    assert.same({ "r1", "r11", "r21", "r31", "r41", "r51" }, listed)
    assert.equal(200, ask("GET", "/v1/rooms-shown/r1").status)
    assert.equal(404, ask("GET", "/v1/rooms-shown/r2").status)
    assert.equal(404, ask("GET", "/v1/rooms-shown/r3", "patient").status)
    assert.equal(200, ask("GET", "/v1/rooms-shown/r2", "root").status)
    assert.equal(401, ask("GET", "/v1/rooms-shown/r1", "nobody").status)
    assert.equal(401, ask("GET", "/v1/rooms-unshown").status)
    assert.is_nil(ask("GET", "/v1/rooms-shown/r1").json._isShown)
  end)

  it("asks for a token where one is needed", function()
    assert.equal(401, ask("GET", "/v1/rooms-owner").status)
    assert.equal(401, ask("POST", "/v1/rooms-owner", nil, { body = { name = "A" } }).status)
    assert.equal(200, ask("GET", "/v1/rooms-public/r1").status)
  end)

  it("shows a field only to whom its rule lets in, also in a list", function()
    local made = make { name = "Vault", code = "1234", organizationId = "org", providerId = "provider",
                        locationId = "location" }
    assert.equal(json.null, made.code) -- an administrator of the platform is no member of the organization
    for who, code in pairs { user = "1234", clerk = "1234", staff = json.null, admin = json.null } do
      assert.equal(code, ask("GET", "/v1/rooms-signed-in/" .. made.id, who).json.code, who)
      for _, row in ipairs(walk("/v1/rooms-signed-in", who)) do
        if row.id == made.id then assert.equal(code, row.code, who) end
      end
    end
  end)

  it("shows the key of a program no more than that was given", function()
    local made = make { name = "Vault", code = "1234", organizationId = "org", providerId = "provider",
                        locationId = "location" }
    for permissions, code in pairs { ["rooms.signed_in"] = json.null, ["rooms.signed_in,rooms.permission"] = "1234" } do
      local key = "mbk_" .. ("x"):rep(43)
      database.run(([[DELETE FROM "ApiKey";
        INSERT INTO "ApiKey" ("userId", "name", "prefix", "tokenHash", "permissions")
        VALUES ('clerk', 'bot', 'mbk_x', encode(sha256('%s'), 'hex'), '{%s}')]]):format(key, permissions))
      assert.equal(code, ask("GET", "/v1/rooms-signed-in/" .. made.id, key).json.code, permissions)
      for _, row in ipairs(walk("/v1/rooms-signed-in", key)) do
        if row.id == made.id then assert.equal(code, row.code, permissions) end
      end
      assert.equal(403, ask("GET", "/v1/rooms-owner", key).status)
    end
  end)

  it("makes a row with everything that its body may hold, and tells and notes it once", function()
    local r = ask("POST", "/v1/rooms-admin", "admin", { body = {
      name = "  Ward 1 ", floor = 3, rent = "1200.50", opensAt = "2026-12-01T10:00:00+02:00", tags = { "a", "b" },
    }, headers = { ["User-Agent"] = "spec" } })
    assert.equal(201, r.status)
    local row = r.json
    assert.equal('"1"', r.headers.etag)
    for key, value in pairs { name = "Ward 1", floor = 3, rent = "1200.50", opensAt = "2026-12-01T08:00:00.000Z",
                              code = json.null, version = 1 } do
      assert.equal(value, row[key], key)
    end
    assert.same({ "a", "b" }, row.tags)
    assert.same(row, ask("GET", r.headers.location, "admin").json)
    local told = database.query(([[SELECT o."type", o."resource", a."action", a."userId", a."userAgent", a."requestId"
      FROM "Outbox" o JOIN "AuditLog" a USING ("resourceId") WHERE "resourceId" = '%s']]):format(row.id))
    assert.same({ { type = "room_admin.created", resource = "Room", action = "ROOM_ADMIN_CREATED", userId = "admin",
                    userAgent = "spec", requestId = r.headers["x-request-id"] } }, told)
  end)

  it("takes nothing that it does not declare as writable, and says where", function()
    local row, path = make { name = "A" }
    for field, value in pairs { id = "x", version = 7, createdAt = "2026-01-01T00:00:00Z", secret = "x" } do
      for method, target in pairs { POST = "/v1/rooms-admin", PATCH = path } do
        local r = ask(method, target, "admin", {
          body = { name = "B", [field] = value }, headers = { ["If-Match"] = "*" },
        })
        assert.equal(422, r.status)
        assert.same({ { pointer = "/" .. field, detail = "is not a known field" } }, r.json.errors)
      end
    end
    local r = ask("PATCH", path, "admin", { body = { organizationId = "org" }, headers = { ["If-Match"] = "*" } })
    assert.equal("/organizationId", r.json.errors[1].pointer) -- a body that creates may hold it, one that changes not
    assert.same(row, ask("GET", path, "admin").json)
    assert.equal(0, count [["Room" WHERE "name" = 'B']])
  end)

  it("judges values beyond their types: decimals exactly, and fields beside each other", function()
    for rent, why in pairs {
      ["99999.991"] = "takes at most 2 digits behind the point", ["100000.00"] = "must be at most 99999.99",
      ["-0.01"] = "must be at least 0",
    } do
      local r = ask("POST", "/v1/rooms-admin", "admin", { body = { name = "A", rent = rent } })
      assert.same({ 422, "/rent", why }, { r.status, r.json.errors[1].pointer, r.json.errors[1].detail }, rent)
    end
    local _, path = make { name = "A", rent = "0099999.99" }
    local r = ask("PATCH", path, "admin", { body = { floor = -1 }, headers = { ["If-Match"] = "*" } })
    assert.same({ 422, "/rent" }, { r.status, r.json.errors[1].pointer })
    assert.equal(200, ask("PATCH", path, "admin", { body = { floor = -1, rent = json.null },
                                                    headers = { ["If-Match"] = "*" } }).status)
  end)

  describe("that is changed", function()
    local function patch(path, body, version)
      return ask("PATCH", path, "admin", { body = body, headers = { ["If-Match"] = version } })
    end

    it("keeps what the patch does not name and loses what is null in it", function()
      local row, path = make { name = "A", floor = 2, rent = "10.00", tags = { "x" } }
      local r = patch(path, { floor = json.null }, '"1"')
      assert.equal(200, r.status, r.body)
      assert.equal('"2"', r.headers.etag)
      assert.same({ json.null, "10.00", "A", 2 }, { r.json.floor, r.json.rent, r.json.name, r.json.version })
      assert.same({ "x" }, r.json.tags)
      assert.equal("cannot be removed", patch(path, { name = json.null }, '"2"').json.errors[1].detail)
      assert.equal(200, ask("PATCH", path, "admin", { body = '{"floor":4}', headers = {
        ["If-Match"] = '"2"', ["Content-Type"] = "application/merge-patch+json" } }).status)
      assert.equal(2, count([["Outbox" WHERE "type" = 'room_admin.changed' AND "resourceId" = ']] .. row.id .. "'"))
    end)

    it("is of a version that must be named, and may not be an older one", function()
      local _, path = make { name = "A" }
      local bare = patch(path, { floor = 1 })
      assert.same({ 428, "if_match_required" }, { bare.status, bare.json.code })
      assert.equal(412, patch(path, { floor = 1 }, '"2"').status)
      assert.equal(200, patch(path, { floor = 1 }, '"1"').status)
      assert.equal(412, patch(path, { floor = 2 }, '"1"').status)
      assert.equal(200, patch(path, {}, '"2"').status) -- nothing to do, nothing done
      assert.equal(2, ask("GET", path, "admin").json.version)
      assert.equal(428, ask("DELETE", path, "admin").status)
      assert.equal(412, ask("DELETE", path, "admin", { headers = { ["If-Match"] = '"1"' } }).status)
      assert.equal(204, ask("DELETE", path, "admin", { headers = { ["If-Match"] = '"2"' } }).status)
      assert.equal(404, ask("GET", path, "admin").status)
    end)

    it("by many at once is changed by one of them for each version", function()
      local _, path = make { name = "A" }
      local clients, won = {}, 0
      for i = 1, 20 do
        clients[i] = app:connect()
        clients[i]:send(("PATCH %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\nIf-Match: \"1\"\r\n"
          .. "Content-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"floor\":%2d}"):format(path, i))
      end
      for _, client in ipairs(clients) do
        local status = client:read().status
        assert.is_true(status == 200 or status == 412, "got " .. status)
        won = won + (status == 200 and 1 or 0)
        client:close()
      end
      assert.equal(1, won)
      assert.equal(2, ask("GET", path, "admin").json.version)
    end)
  end)

  describe("with a workflow", function()
    local function step(path, action, who, options)
      return ask("POST", path .. "/" .. action, who, options or { body = {} })
    end

    it("moves its status by steps, each with history, event and audit, for whom its rules let in", function()
      local row, path = make({ name = "A", organizationId = "org", providerId = "provider", locationId = "location" })
      local here = "/v1/rooms-signed-in/" .. row.id
      local patch = { body = { status = "OPEN" }, headers = { ["If-Match"] = "*" } }
      assert.equal(422, ask("PATCH", path, "admin", patch).status)
      assert.equal(404, step(here, "open", "staff").status)

      local r = step(here, "open", "clerk")
      assert.same({ 200, "OPEN", "clerk", 2, '"2"' },
        { r.status, r.json.status, r.json.openedById, r.json.version, r.headers.etag })
      local again = step(here, "open", "clerk")
      assert.same({ 409, "already_open", "OPEN", "shut" },
        { again.status, again.json.code, again.json.currentStatus, again.json.allowed[1] })
      r = step(here, "shut", "clerk", { body = { reason = "cleaning", code = "77" } })
      assert.same({ "SHUT", "77" }, { r.json.status, r.json.code })
      assert.equal(412, step(path, "remove", "admin", { body = {}, headers = { ["If-Match"] = '"1"' } }).status)
      assert.equal(200, step(path, "remove", "admin", { body = {}, headers = { ["If-Match"] = '"3"' } }).status)
      assert.equal("transition_not_allowed", step(path, "open", "admin").json.code)
      assert.same({ "SHUT>OPEN clerk", "OPEN>SHUT clerk", "SHUT>GONE admin" }, (function()
        local list = {}
        for i, it in ipairs(database.query(([[SELECT "fromStatus" || '>' || "toStatus" || ' ' || "userId" AS v
          FROM "StatusHistory" WHERE "resourceId" = '%s' ORDER BY "id"]]):format(row.id))) do list[i] = it.v end
        return list
      end)())
      assert.equal("room.opened room.removed", psql.value(database.url, ([[SELECT string_agg("type", ' ' ORDER BY "id")
        FROM "Outbox" WHERE "resourceId" = '%s' AND "type" LIKE 'room.%%']]):format(row.id)))
      assert.equal("cleaning", psql.value(database.url, ([[SELECT "metadata" ->> 'reason' FROM "AuditLog"
        WHERE "resourceId" = '%s' AND "action" = 'ROOM_SHUT']]):format(row.id)))
    end)

    it("is moved once by many at once, and again for whoever repeats with a key", function()
      local _, path = make { name = "A" }
      local clients, won = {}, 0
      for i = 1, 20 do
        clients[i] = app:connect()
        clients[i]:send(("POST %s/open HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\n"
          .. "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"):format(path))
      end
      for _, client in ipairs(clients) do
        local status = client:read().status
        assert.is_true(status == 200 or status == 409, "got " .. status)
        won = won + (status == 200 and 1 or 0)
        client:close()
      end
      assert.equal(1, won)
      local options = { body = {}, headers = { ["Idempotency-Key"] = "step" } }
      local first, second = step(path, "remove", "admin", options), step(path, "remove", "admin", options)
      assert.same({ 200, 200, first.body }, { first.status, second.status, second.body })
      assert.equal(3, first.json.version)
    end)
  end)

  it("answers constraints by what they mean: a name that is taken, holders, what is not there", function()
    local row, path = make { name = "A" }
    local r = ask("POST", "/v1/rooms-admin", "admin", { body = { name = "A" } })
    assert.same({ 409, "name_taken", "/name" }, { r.status, r.json.code, r.json.errors[1].pointer })
    local _, other = make { name = "B" }
    assert.equal("name_taken",
      ask("PATCH", other, "admin", { body = { name = "A" }, headers = { ["If-Match"] = "*" } }).json.code)
    database.run(([[INSERT INTO "Chair" VALUES ('chair', '%s')]]):format(row.id))
    r = ask("DELETE", path, "admin", { headers = { ["If-Match"] = "*" } })
    assert.same({ 409, "in_use", "chairs" }, { r.status, r.json.code, r.json.holders[1] })
    r = ask("POST", "/v1/rooms-admin", "admin", { body = { name = "C", ownerId = "nobody" } })
    assert.same({ 422, "/ownerId" }, { r.status, r.json.errors[1].pointer })
  end)

  it("is made once however often its key is sent, also at once", function()
    local function send(key, name)
      local headers = { ["Idempotency-Key"] = key }
      return ask("POST", "/v1/rooms-admin", "admin", { body = { name = name }, headers = headers })
    end
    local first, second = send("k1", "A"), send("k1", "A")
    assert.equal(201, second.status)
    assert.equal(first.body, second.body)
    assert.same({ 422, "idempotency_mismatch" }, { send("k1", "B").status, send("k1", "B").json.code })
    local clients, body = {}, '{"name":"Twin"}'
    for i = 1, 20 do
      clients[i] = app:connect()
      clients[i]:send(("POST /v1/rooms-admin HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer admin\r\n"
        .. "Idempotency-Key: k2\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
        :format(#body, body))
    end
    local ids = {}
    for _, client in ipairs(clients) do
      local answer = client:read()
      if answer.status == 201 then
        ids[json.decode(answer.body).id] = true
      else
        assert.equal("request_in_progress", json.decode(answer.body).code)
      end
      client:close()
    end
    local id = next(ids)
    assert.is_true(id ~= nil and next(ids, id) == nil)
    assert.equal(1, count [["Room" WHERE "name" = 'Twin']])
    assert.equal(1, count([["Outbox" WHERE "resourceId" = ']] .. id .. "'"))
  end)

  describe("as a list", function()
    local function names(rows, key)
      local list = {}
      for i, row in ipairs(rows) do list[i] = row[key or "id"] end
      return list
    end

    setup(function()
      database.run [[UPDATE "Room" SET "floor" = NULLIF(substr("id", 2)::integer % 7, 0),
        "rent" = NULLIF(substr("id", 2)::integer % 5, 0) + 0.5, "opensAt" = CASE WHEN substr("id", 2)::integer % 3 > 0
        THEN timestamptz '2026-01-01 00:00Z' + substr("id", 2)::integer % 11 * interval '1 day' END
        WHERE "id" ~ '^r\d+$']]
    end)

    it("is walked in every order without a row twice or missing, nulls last", function()
      for sort, sql in pairs {
        name = '"name", "id"', ["-name"] = '"name" DESC, "id" DESC', floor = '"floor" NULLS LAST, "id"',
        ["-floor"] = '"floor" DESC NULLS LAST, "id" DESC', rent = '"rent" NULLS LAST, "id"',
        opensAt = '"opensAt" NULLS LAST, "id"', ["-createdAt"] = '"createdAt" DESC, "id" DESC',
      } do
        local wanted = names(database.query([[SELECT "id" FROM "Room" ORDER BY ]] .. sql))
        for _, size in ipairs { 1, 7, 54, 100 } do
          assert.same(wanted, names(walk("/v1/rooms-admin?sort=" .. sort, "admin", size)), sort .. " by " .. size)
        end
        local some = {}
        for _, id in ipairs(wanted) do
          some[#some + 1] = ask("GET", "/v1/rooms-any/" .. id, "patient").status == 200 and id or nil
        end
        assert.same(some, names(walk("/v1/rooms-any?sort=" .. sort, "patient", 2)), sort)
      end
    end)

    it("has no empty page at its end", function()
      local r = ask("GET", "/v1/rooms-admin?limit=54", "admin")
      assert.same({ 54, json.null }, { #r.json.data, r.json.nextCursor })
    end)

    it("is narrowed by its filters", function()
      assert.equal(18, #walk("/v1/rooms-admin?organizationId=org", "admin"))
      assert.equal(11, #walk("/v1/rooms-admin?name=oom%201", "admin"))
      assert.equal(0, #walk("/v1/rooms-admin?name=%25%25%25", "admin"))
      assert.equal(422, ask("GET", "/v1/rooms-admin?name=ab", "admin").status)
      assert.equal(422, ask("GET", "/v1/rooms-admin?sort=code", "admin").status)
      assert.equal(422, ask("GET", "/v1/rooms-admin?floor=1", "admin").status)
    end)

    it("refuses a cursor that is none of its own", function()
      local cursor = ask("GET", "/v1/rooms-admin?limit=1&sort=name", "admin").json.nextCursor
      local queries = { "sort=floor&cursor=" .. cursor, "cursor=xx" }
      for _, it in ipairs {
        { "floor", "x" }, { "floor", "2147483648" }, { "floor", "-2147483649" }, { "floor", "" }, { "rent", "NaN" },
        { "opensAt", "0000-01-01T00:00:00.000Z" },
      } do
        local forged = mime.b64(json.encode { it[1], it[2], "r1" }):gsub("[+/=]", URL)
        queries[#queries + 1] = ("sort=%s&cursor=%s"):format(it[1], forged)
      end
      for _, query in ipairs(queries) do
        local r = ask("GET", "/v1/rooms-admin?" .. query, "admin")
        assert.same({ 400, "invalid_cursor" }, { r.status, r.json.code }, query)
      end
    end)
  end)
end)

describe("the page of a resource", function()
  it("does not load with a slug that says nothing, and says where", function()
    local dir = make_home()
    local file = dir .. "/lua/resources/services.lua"
    local text = paths.read(file)
    for _, case in ipairs {
      { "within = \"providerTypeId\"", "within = \"providerType\"",
        "field slug is within 'providerType', which names no row of another table (did you mean 'providerTypeId'?)" },
      { "within = \"providerTypeId\"", "within = \"name\"",
        "field slug is within 'name', which names no row of another table" },
      { "name = field.line", "name = field.slug", "field.slug: what others know it by does not change" },
      { "name = field.line { create = true, change = true", "name = field.slug { create = true",
        "fields name and slug are slugs (a row is known by one)" },
      { "filled = true, within", "within", "field.slug: a new row without it needs a value" },
      { "create = true, filled = true, within", "create = true, required = true, filled = true, within",
        "field.slug: what is required has no default, is not filled and not nullable" },
    } do
      local from, to = text:find(case[1], 1, true)
      paths.write(file, text:sub(1, from - 1) .. case[2] .. text:sub(to + 1))
      local result = process.run({ paths.binary(), "check" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
      assert.equal(1, result.code, case[3])
      local place = case[3]:find "^field%." and "%d+:%d+: " or " "
      assert.matches("^medbookd: resources/services%.lua:" .. place, result.err)
      assert.matches(case[3], result.err, 1, true)
    end
  end)
end)
