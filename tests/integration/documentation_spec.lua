-- What tells of routes without being asked over HTTP, and what every worker says. What the document holds:
-- domain/documentation_spec.lua.

local cjson = require "cjson"
local cluster = require "support.cluster"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

describe("the document of the API", function()
  local app

  setup(function() app = server.start { database = cluster.fresh "schema", workers = 2 } end)

  it("is OpenAPI 3.1 and the same at every worker", function()
    local first = app:get("/openapi.json").body
    assert.equal("3.1.0", cjson.decode(first).openapi)
    for _ = 1, 8 do assert.equal(first, app:get("/openapi.json").body) end
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
