-- Programs may rely on what the API once offered: tests/contract.
local api = require "contract.api"
local cjson = require "cjson"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"

local function document()
  local r = process.run({ paths.binary(), "openapi" }, { cwd = "/", env = { MEDBOOKD_HOME = home.with() } })
  assert.equal(0, r.code, r.err)
  return cjson.decode(r.out)
end

describe("the contract of the API", function()
  local offered

  setup(function() offered = document() end)

  it("is kept, and recorded", function()
    local recorded = api.read(paths.read(paths.root .. "/tests/contract/api.txt"))
    local breaks, changes = api.compare(recorded, api.facts(offered))
    assert.same({}, breaks, "a change that breaks programs: tests/contract/README.md")
    assert.equal(0, changes, "the API offers what is not recorded: ./dev contract")
  end)

  local function of(path, method) return function(it) return it.paths[path][method] end end
  local cancel, slots, book = of("/v1/bookings/{id}/cancel", "post"), of("/v1/slots", "get"), of("/v1/bookings", "post")

  -- The schema of the body of a booking.
  local function body(it) return api.resolve(it, book(it).requestBody.content["application/json"].schema) end
  local function query(operation, name)
    for _, it in ipairs(operation.parameters) do
      if it.name == name then return it end
    end
  end

  -- what is done to the document -> what a program is told of it; nil = nothing
  for what, case in pairs {
    ["an operation that is gone"] = {
      function(it) it.paths["/v1/bookings/{id}/cancel"].post = nil end, "POST /v1/bookings/{id}/cancel: is gone",
    },
    ["a token where there was none"] = {
      function(it) slots(it).security = { { bearer = {} } } end, "GET /v1/slots token: is required now",
    },
    ["a token that need not be"] = { function(it) cancel(it).security = { {}, { bearer = {} } } end },
    ["a field that is not taken any more"] = {
      function(it) body(it).properties.notes = nil end, "POST /v1/bookings body /notes type: is gone",
    },
    ["a field that has to be sent now"] = {
      function(it) table.insert(body(it).required, "notes") end,
      "POST /v1/bookings body /notes required: must be sent now",
    },
    ["a new field that has to be sent"] = {
      function(it)
        body(it).properties.colour = { type = "string" }
        table.insert(body(it).required, "colour")
      end,
      "POST /v1/bookings body /colour required: must be sent now",
    },
    ["a shorter text"] = {
      function(it) body(it).properties.notes.maxLength = 10 end,
      "POST /v1/bookings body /notes max length: was 2000, is 10",
    },
    ["a limit where there was none"] = {
      function(it) body(it).properties.notes.minLength = 1 end,
      "POST /v1/bookings body /notes min length: is limited now",
    },
    ["another type of a parameter"] = {
      function(it) query(slots(it), "limit").schema.type = "string" end,
      "GET /v1/slots in query limit type: was 'integer', is 'string'",
    },
    ["a parameter that is gone"] = {
      function(it)
        for i, parameter in ipairs(slots(it).parameters) do
          if parameter.name == "cursor" then table.remove(slots(it).parameters, i) end
        end
      end, "GET /v1/slots in query cursor type: is gone",
    },
    ["a status that is gone"] = {
      function(it) book(it).responses["201"] = nil end, "POST /v1/bookings 201: is gone",
    },
    ["a field that is not told any more"] = {
      function(it) it.components.schemas.Booking.properties.reference = nil end,
      "GET /v1/bookings/{id} 200 /reference type: is gone",
    },
    ["a field that may be null now"] = {
      function(it) it.components.schemas.Booking.properties.reference.type = { "string", "null" } end,
      "GET /v1/bookings/{id} 200 /reference type: was 'string', is 'string or null'",
    },
    ["a field that is not always there any more"] = {
      function(it) table.remove(it.components.schemas.Booking.required, 1) end,
      "POST /v1/bookings/{id}/cancel 200 /id required: is not always there any more",
    },
    ["a further word where a program knows all"] = {
      function(it) table.insert(it.components.schemas.Booking.properties.status.enum, "LOST") end,
      "GET /v1/bookings/{id} 200 /status enum: may be 'LOST' now",
    },
    ["a code that is told no more"] = {
      function(it) table.remove(cancel(it).responses["409"]["x-codes"], 1) end,
      "POST /v1/bookings/{id}/cancel 409 codes: 'already_cancelled' is not told any more",
    },
    ["a new field that may be sent"] = {
      function(it) body(it).properties.colour = { type = "string", maxLength = 5 } end,
    },
    ["a title that changes"] = { function(it)
      it.components.schemas.Reservation = it.components.schemas.Booking
      cancel(it).responses["200"].content["application/json"].schema["$ref"] = "#/components/schemas/Reservation"
    end },
    ["a field that is never null any more"] = {
      function(it) it.components.schemas.Booking.properties.notes.type = { "string" } end,
    },
    ["a longer text"] = { function(it) body(it).properties.notes.maxLength = 3000 end },
    ["a limit that is gone"] = { function(it) body(it).properties.notes.maxLength = nil end },
    ["a field that need not be sent any more"] = { function(it) body(it).required = nil end },
    ["a further field of an answer"] = {
      function(it) it.components.schemas.Booking.properties.colour = { type = "string" } end,
    },
    ["a further code"] = { function(it) table.insert(cancel(it).responses["409"]["x-codes"], "too_dark") end },
    ["a new operation"] = {
      function(it) it.paths["/v1/colours"] = { post = { responses = {}, requestBody = {
        required = true, content = { ["application/json"] = { schema = {
          type = "object", required = { "a" }, properties = { a = { type = "string", maxLength = 1 } },
        } } },
      } } } end,
    },
  } do
    it((case[2] and "is broken by %s" or "is not broken by %s"):format(what), function()
      local changed = document()
      case[1](changed)
      local breaks, changes = api.compare(api.facts(offered), api.facts(changed))
      assert.is_true(changes > 0)
      if not case[2] then return assert.same({}, breaks) end
      local found = false
      for _, line in ipairs(breaks) do found = found or line == case[2] end
      assert.is_true(found, table.concat(breaks, "\n"))
    end)
  end
end)
