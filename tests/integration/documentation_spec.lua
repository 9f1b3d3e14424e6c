-- The document of the API and what tells of routes: they say what the server does, because both are made
-- of the same tables; here that is compared with what the server answers.

local api = require "contract.api"
local cjson = require "cjson"
local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local tree = require "support.tree"

local GUEST <const> = { guestName = "Thandi Mokoena", guestEmail = "thandi@example.org", isOnline = false }

local function type_of(value)
  if value == cjson.null then return "null" end
  local kind = type(value)
  if kind == "table" then return (#value > 0 or next(value) == nil) and "array" or "object" end
  return kind
end

local function allows(schema, value)
  local kind = type_of(value)
  for _, word in ipairs(type(schema.type) == "table" and schema.type or { schema.type }) do
    local is_empty = word == "object" and kind == "array" and #value == 0
    if word == kind or word == "integer" and kind == "number" or is_empty then return true end
  end
  return schema.type == nil
end

-- Notes where a value is not as documented: of another type, with a member that is not told, or without one that is
-- always there.
local function compare(document, schema, value, at, faults)
  schema = api.resolve(document, schema)
  if schema.anyOf then schema = value == cjson.null and {} or api.resolve(document, schema.anyOf[1]) end
  if not allows(schema, value) then
    faults[#faults + 1] = at .. " is " .. type_of(value)
  elseif schema.items and type(value) == "table" then
    for i, item in ipairs(value) do compare(document, schema.items, item, at .. "/" .. i, faults) end
  elseif schema.properties and next(schema.properties) and type(value) == "table" then
    for _, key in ipairs(schema.required or {}) do
      if value[key] == nil then faults[#faults + 1] = at .. "/" .. key .. " is missing" end
    end
    for key, item in pairs(value) do
      local field = schema.properties[key]
      if field then
        compare(document, field, item, at .. "/" .. key, faults)
      else
        faults[#faults + 1] = at .. "/" .. key .. " is not documented"
      end
    end
  end
end

describe("the document of the API", function()
  local clinic, document

  setup(function()
    clinic = clinics.start { database = cluster.fresh "demo" }
    document = clinic.server:get("/openapi.json").json
  end)

  local function faults_of(method, path, status, answer)
    local faults = {}
    assert.equal(status, answer.status, answer.body)
    local response = document.paths[path][method].responses[tostring(status)]
    assert(response, "no response " .. status)
    compare(document, api.resolve(document, response).content["application/json"].schema, answer.json, path, faults)
    return faults
  end

  it("is OpenAPI 3.1 and the same at every worker", function()
    assert.equal("3.1.0", document.openapi)
    local first = clinic.server:get("/openapi.json").body
    for _ = 1, 8 do assert.equal(first, clinic.server:get("/openapi.json").body) end
  end)

  it("names every route once, with operation, tag, success, problem and parameters", function()
    local seen, tags = {}, {}
    for _, tag in ipairs(document.tags) do tags[tag.name] = true end
    for path, operations in pairs(document.paths) do
      for method, it in pairs(operations) do
        local where = method .. " " .. path
        assert.is_nil(seen[it.operationId], where)
        assert.matches("^" .. method .. "%u%w+$", it.operationId, where)
        seen[it.operationId] = true
        assert.is_true(tags[it.tags[1]], where)
        assert.is_true(#it.summary > 0 and #it.description > 0, where)
        local success = it.responses["200"] or it.responses["201"] or it.responses["202"]
          or it.responses["204"] or it.responses["302"]
        assert.is_truthy(success, where)
        assert.is_truthy(it.responses.default, where)
        local named = {}
        for _, parameter in ipairs(it.parameters or {}) do
          if parameter["in"] == "path" then named[parameter.name] = parameter.required end
        end
        for name in path:gmatch "{(.-)}" do assert.is_true(named[name], where) end
      end
    end
    assert.is_true(seen.postBookingsByIdNoShow and seen.getProvidersById and seen.getRoot)
  end)

  it("refers to nothing that is not there, and has nothing that nobody refers to", function()
    local used = {}
    local function walk(it)
      if type(it) ~= "table" then return end
      if it["$ref"] then
        assert.is_table(api.resolve(document, it))
        used[it["$ref"]] = true
      end
      for _, part in pairs(it) do walk(part) end
    end
    walk(document)
    for _, kind in ipairs { "schemas", "responses" } do
      for name in pairs(document.components[kind]) do
        assert.is_true(used[("#/components/%s/%s"):format(kind, name)], name)
      end
    end
  end)

  it("says of a route what its schemas, rule and errors say", function()
    local create = document.paths["/v1/bookings"].post
    local body = api.resolve(document, create.requestBody.content["application/json"].schema)
    assert.same({ "slotId" }, body.required)
    assert.is_false(body.additionalProperties)
    assert.equal("email", body.properties.guestEmail.format)
    assert.matches("slot_taken", create.responses["409"].description, 1, true)
    assert.same({ {}, { bearer = {} } }, create.security)
    local cancel = document.paths["/v1/bookings/{id}/cancel"].post
    assert.same({ { bearer = {} } }, cancel.security)
    assert.matches("whoever holds its token", cancel.description, 1, true)
    assert.same({ "id", "Idempotency-Key", "If-Match" },
      { cancel.parameters[1].name, cancel.parameters[2].name, cancel.parameters[3].name })
    assert.same({}, document.paths["/v1/slots"].get.security)
  end)

  it("is what the root leads to, browsers by way of the page", function()
    local program = clinic.server:get("/", { headers = { Accept = "*/*" } })
    assert.same({ name = "medbookd", documentation = "/docs", openapi = "/openapi.json" }, program.json)
    local browser = clinic.server:get("/", { headers = { Accept = "text/html,application/xhtml+xml,*/*;q=0.8" } })
    assert.same({ 303, "/docs" }, { browser.status, browser.headers.location })
    assert.matches("Accept", browser.headers.vary, 1, true)
    assert.equal(200, clinic.server:get(browser.headers.location).status)
  end)

  it("has an example for every body and every answer, which is sound", function()
    for path, operations in pairs(document.paths) do
      for method, it in pairs(operations) do
        local contents = { it.requestBody and it.requestBody.content or nil }
        for _, response in pairs(it.responses) do
          contents[#contents + 1] = api.resolve(document, response).content
        end
        for _, content in ipairs(contents) do
          for kind, media in pairs(content) do
            local where, faults = ("%s %s %s"):format(method, path, kind), {}
            assert.is_not_nil(media.example, where)
            compare(document, media.schema, media.example, where, faults)
            assert.same({}, faults)
          end
        end
      end
    end
  end)

  it("says how answers are asked for again, and which parameters go together", function()
    local one = document.paths["/v1/bookings/{id}"].get
    assert.is_truthy(one.responses["200"].headers.ETag and one.responses["304"].headers.ETag)
    assert.equal("If-None-Match", one.parameters[2].name)
    GUEST.slotId = clinic:take_slots(1)[1]
    local made = clinic.server:post("/v1/bookings", GUEST)
    local bearer = { Authorization = "Bearer " .. made.json.manageToken }
    local path = "/v1/bookings/" .. made.json.id
    local etag = clinic.server:get(path, { headers = bearer }).headers.etag
    assert.equal(made.headers.etag, etag)
    bearer["If-None-Match"] = etag
    assert.equal(304, clinic.server:get(path, { headers = bearer }).status)
    assert.same({ { "providerId" }, { "serviceId" }, { "locationId" } }, document.paths["/v1/slots"].get["x-one-of"])
    assert.matches("`providerId`, `serviceId` or `locationId`", document.paths["/v1/slots"].get.description, 1, true)
    local refused = clinic.server:get "/v1/slots"
    assert.same({ 422, { { pointer = "/providerId", detail = "or serviceId or locationId is required" } } },
      { refused.status, refused.json.errors })
    assert.equal(5, #document.components.schemas.NewBookingRequest.allOf[1].anyOf)
  end)

  it("leads from every problem to a page that explains it, as every code of the server", function()
    local page = clinic.server:get "/docs/problems"
    assert.same({ 200, "text/html; charset=utf-8" }, { page.status, page.headers["content-type"] })
    local function is_explained(code, where)
      assert.is_truthy(page.body:find(('<section id="%s">'):format(code), 1, true), code .. " of " .. where)
    end
    for path, operations in pairs(document.paths) do
      for _, it in pairs(operations) do
        for _, response in pairs(it.responses) do
          for _, code in ipairs(api.resolve(document, response)["x-codes"] or {}) do is_explained(code, path) end
        end
      end
    end
    local refused = clinic.server:get "/v1/bookings/nothing"
    assert.equal("/docs/problems#" .. refused.json.code, refused.json.type)
    local files = {}
    for _, folder in ipairs { "src/base", "src/net", "src/bind" } do
      for _, file in ipairs(tree.files(folder, ".c", ".h")) do files[#files + 1] = file end
    end
    for _, file in ipairs(files) do
      local text = paths.read(file)
      for code in text:gmatch 'mb_http_problem%([^;]-%d%d%d, "([%l_]+)"' do is_explained(code, file) end
      for code in text:gmatch 'mb_push_problem%([^;]-%d%d%d, "([%l_]+)"' do is_explained(code, file) end
      for code in text:gmatch '%f[%w]X%([%u_]+, %d%d%d, "([%l_]+)"' do is_explained(code, file) end
      for code in text:gmatch '%f[%w]X%(MB_E_[%u_]+, "([%l_]+)", %d%d%d' do is_explained(code, file) end
    end
  end)

  it("documents what the server answers", function()
    local server = clinic.server
    local providers = server:get "/v1/providers?online=false"
    assert.same({}, faults_of("get", "/v1/providers", 200, providers))
    local provider = providers.json.data[1].id
    assert.same({}, faults_of("get", "/v1/providers/{id}", 200, server:get("/v1/providers/" .. provider)))
    assert.same({}, faults_of("get", "/v1/slots", 200, server:get(clinic:search(5))))
    local service = clinic.server:get(clinic:search(1)).json.data[1].serviceId
    assert.same({}, faults_of("get", "/v1/slots", 200, server:get("/v1/slots?limit=5&serviceId=" .. service)))
    local slots = clinic:take_slots(1)
    GUEST.slotId = slots[1]
    local made = server:post("/v1/bookings", GUEST)
    assert.same({}, faults_of("post", "/v1/bookings", 201, made))
    local bearer = { headers = { Authorization = "Bearer " .. made.json.manageToken } }
    local path = "/v1/bookings/" .. made.json.id
    assert.same({}, faults_of("get", "/v1/bookings/{id}", 200, server:get(path, bearer)))
    assert.same({}, faults_of("post", "/v1/bookings/{id}/cancel", 200, server:post(path .. "/cancel", {}, bearer)))
    local rows = clinic:query 'SELECT "providerTypeId" AS id FROM "RequirementType" LIMIT 1'
    local asked = server:get(("/v1/provider-types/%s/requirements"):format(rows[1].id))
    assert.same({}, faults_of("get", "/v1/provider-types/{id}/requirements", 200, asked))
  end)

  it("is a page that loads nothing from elsewhere", function()
    local page = clinic.server:get "/docs"
    assert.equal(200, page.status)
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    assert.matches("default-src 'none'", page.headers["content-security-policy"], 1, true)
    assert.is_nil(page.body:find("//", 1, true))
    for _, target in ipairs { "/docs/script.js", "/docs/style.css" } do
      assert.is_truthy(page.body:find('"' .. target .. '"', 1, true))
      assert.equal(200, clinic.server:get(target).status)
    end
  end)
end)

describe("medbookd openapi", function()
  it("prints what a server with these scripts answers", function()
    local r = process.run({ paths.binary(), "openapi" }, { cwd = "/", env = { MEDBOOKD_HOME = home.with() } })
    assert.equal(0, r.code, r.err)
    local document = cjson.decode(r.out)
    assert.equal("3.1.0", document.openapi)
    assert.matches("transition_not_allowed",
      table.concat(document.paths["/v1/bookings/{id}/cancel"].post.responses["409"]["x-codes"], " "), 1, true)
  end)

  it("names operations apart that differ in less than letters", function()
    local dir, routes = home.with(), {}
    for i, path in ipairs { "/v1/ab-c", "/v1/ab/c", "/v2/ab/c", "/v1/ab/C" } do
      routes[i] = ('{ method = "GET", path = "%s", permission = "public", summary = "a", responses = { [204] = false },'
        .. " handler = function() return 204 end },"):format(path)
    end
    paths.write(dir .. "/lua/routes/alike.lua", "return {" .. table.concat(routes) .. "}")
    local r = process.run({ paths.binary(), "openapi" }, { cwd = "/", env = { MEDBOOKD_HOME = dir } })
    assert.equal(0, r.code, r.err)
    local names = {}
    for path, operations in pairs(cjson.decode(r.out).paths) do
      if path:find "^/v%d/ab" then names[#names + 1] = operations.get.operationId end
    end
    table.sort(names)
    assert.same({ "getAbC", "getAbC_2", "getAbC_3", "getAbC_4" }, names)
  end)
end)

describe("medbookd explain and routes", function()
  local function medbookd(...)
    return process.run({ paths.binary(), ... }, { cwd = "/", env = { MEDBOOKD_HOME = home.with() } })
  end

  it("list every route with permission and place", function()
    local r = medbookd "routes"
    assert.equal(0, r.code, r.err)
    assert.matches("POST /v1/bookings/{id}/cancel +bookings.cancel +routes/bookings.lua:%d+ +Cancel a booking", r.out)
  end)

  it("tell in order what becomes of a request", function()
    local r = medbookd("explain", "POST", "/v1/bookings/x/cancel")
    assert.equal(0, r.code, r.err)
    local last = 0
    for _, part in ipairs { "1  token: required", "2  body: JSON", "reason: text ..500", "3  subject: ",
                            "4  permission: bookings.cancel, ", "(permissions/bookings.lua:", "5  handler: routes/" } do
      local at = r.out:find(part, last + 1, true)
      assert.is_truthy(at, part .. "\n" .. r.out)
      last = at
    end
  end)

  for name, case in pairs {
    ["a path that is none"] = { { "explain", "GET", "/nope" }, "GET /nope: path not found", 1 },
    ["a method that the path has not"] = { { "explain", "DELETE", "/v1/slots" }, "does not answer to that method", 1 },
    ["a method that is none"] = { { "explain", "FETCH", "/v1/slots" }, "FETCH is no method", 1 },
    ["a path left out"] = { { "explain", "GET" }, "say METHOD PATH after", 64 },
  } do
    it("refuse " .. name, function()
      local r = medbookd(table.unpack(case[1]))
      assert.equal(case[3], r.code)
      assert.matches(case[2], r.err, 1, true)
    end)
  end
end)
