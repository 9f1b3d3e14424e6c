-- The document of the API says what the server does, because both are made of the same tables; here that is
-- compared with what the server answers. The commands that tell of routes: integration/documentation_spec.lua.

local api = require "contract.api"
local paths = require "support.paths"
local test = require "medbookd.test"
local tree = require "support.tree"

local function book(slot)
  return test.post("/v1/bookings",
    { slotId = slot.id, guestName = "Thandi Mokoena", guestEmail = "thandi@example.org", isOnline = false })
end

local function type_of(value)
  if value == test.null then return "null" end
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
  if schema.anyOf then schema = value == test.null and {} or api.resolve(document, schema.anyOf[1]) end
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
  local document

  setup(function() document = test.get("/openapi.json").body end)

  local function faults_of(method, path, status, answer)
    local faults = {}
    assert.equal(status, answer.status, answer.text)
    local response = document.paths[path][method].responses[tostring(status)]
    assert(response, "no response " .. status)
    compare(document, api.resolve(document, response).content["application/json"].schema, answer.body, path, faults)
    return faults
  end

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
    local program = test.get("/", { headers = { Accept = "*/*" } })
    assert.same({ name = "medbookd", documentation = "/docs", openapi = "/openapi.json" }, program.body)
    local browser = test.get("/", { headers = { Accept = "text/html,application/xhtml+xml,*/*;q=0.8" } })
    assert.same({ 303, "/docs" }, { browser.status, browser.headers.location })
    assert.matches("Accept", browser.headers.vary, 1, true)
    assert.equal(200, test.get(browser.headers.location).status)
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
    local made = book(test.free_slot())
    local bearer = { Authorization = "Bearer " .. made.body.manageToken }
    local path = "/v1/bookings/" .. made.body.id
    local etag = test.get(path, { headers = bearer }).headers.etag
    assert.equal(made.headers.etag, etag)
    bearer["If-None-Match"] = etag
    assert.equal(304, test.get(path, { headers = bearer }).status)
    assert.same({ { "providerId" }, { "serviceId" }, { "locationId" } }, document.paths["/v1/slots"].get["x-one-of"])
    assert.matches("`providerId`, `serviceId` or `locationId`", document.paths["/v1/slots"].get.description, 1, true)
    local refused = test.get "/v1/slots"
    assert.same({ 422, { { pointer = "/providerId", detail = "or serviceId or locationId is required" } } },
      { refused.status, refused.body.errors })
    assert.equal(5, #document.components.schemas.NewBookingRequest.allOf[1].anyOf)
  end)

  it("leads from every problem to a page that explains it, as every code of the server", function()
    local page = test.get "/docs/problems"
    assert.same({ 200, "text/html; charset=utf-8" }, { page.status, page.headers["content-type"] })
    local function is_explained(code, where)
      assert.is_truthy(page.text:find(('<section id="%s">'):format(code), 1, true), code .. " of " .. where)
    end
    for path, operations in pairs(document.paths) do
      for _, it in pairs(operations) do
        for _, response in pairs(it.responses) do
          for _, code in ipairs(api.resolve(document, response)["x-codes"] or {}) do is_explained(code, path) end
        end
      end
    end
    local refused = test.get "/v1/bookings/nothing"
    assert.equal("/docs/problems#" .. refused.body.code, refused.body.type)
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
    local slot = test.free_slot()
    local search = "/v1/slots?online=false&providerId=" .. slot.providerId
    local providers = test.get "/v1/providers?online=false"
    assert.same({}, faults_of("get", "/v1/providers", 200, providers))
    local provider = providers.body.data[1].id
    assert.same({}, faults_of("get", "/v1/providers/{id}", 200, test.get("/v1/providers/" .. provider)))
    assert.same({}, faults_of("get", "/v1/slots", 200, test.get(search .. "&limit=5")))
    local service = test.get(search .. "&limit=1").body.data[1].serviceId
    assert.same({}, faults_of("get", "/v1/slots", 200, test.get("/v1/slots?limit=5&serviceId=" .. service)))
    local made = book(slot)
    assert.same({}, faults_of("post", "/v1/bookings", 201, made))
    local bearer = { headers = { Authorization = "Bearer " .. made.body.manageToken } }
    local path = "/v1/bookings/" .. made.body.id
    assert.same({}, faults_of("get", "/v1/bookings/{id}", 200, test.get(path, bearer)))
    assert.same({}, faults_of("post", "/v1/bookings/{id}/cancel", 200, test.post(path .. "/cancel", {}, bearer)))
    local rows = test.query 'SELECT "providerTypeId" AS id FROM "RequirementType" LIMIT 1'
    local asked = test.get(("/v1/provider-types/%s/requirements"):format(rows[1].id))
    assert.same({}, faults_of("get", "/v1/provider-types/{id}/requirements", 200, asked))
  end)

  it("is a page that loads nothing from elsewhere", function()
    local page = test.get "/docs"
    assert.equal(200, page.status)
    assert.equal("text/html; charset=utf-8", page.headers["content-type"])
    assert.matches("default-src 'none'", page.headers["content-security-policy"], 1, true)
    assert.is_nil(page.text:find("//", 1, true))
    for _, target in ipairs { "/docs/script.js", "/docs/style.css" } do
      assert.is_truthy(page.text:find('"' .. target .. '"', 1, true))
      assert.equal(200, test.get(target).status)
    end
  end)
end)
