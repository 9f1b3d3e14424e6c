-- Texts that nobody should be shown, in every field of every route that takes a text. Fields and routes are
-- those of the document, so a later one is among them by itself. What becomes of sound ones: tests/c/test_base_line.c.

local api = require "contract.api"
local test = require "medbookd.test"

-- In a line and in a text.
local NOWHERE <const> = {
  ["a control character"] = "Ann\1Lee", ["delete"] = "Ann\x7fLee", ["a control character of C1"] = "Ann\u{9b}31mLee",
  ["a right-to-left override"] = "Ann\u{202e}eeL", ["a left-to-right override"] = "Ann\u{202d}Lee",
  ["an embedding"] = "Ann\u{202b}Lee", ["an isolate"] = "Ann\u{2066}Lee",
}
-- In a line.
local IN_NO_LINE <const> = {
  ["nothing"] = "", ["blanks"] = "  \t ", ["a no-break space"] = "\u{a0}", ["a zero width space"] = "\u{200b}",
  ["a Hangul filler"] = "\u{3164}", ["a blank Braille pattern"] = "\u{2800}", ["an accent on nothing"] = "\u{301}",
  ["a line feed"] = "Ann\nLee", ["a tab"] = "Ann\tLee", ["a next line"] = "Ann\u{85}Lee",
  ["a line separator"] = "Ann\u{2028}Lee",
}
-- Taken as it was sent: a password, and answers whose requirement says whether they are trimmed, which the route
-- holds to the rule of a line all the same.
local VERBATIM <const> = {
  ["POST /v1/auth/login /password"] = "any", ["POST /v1/auth/register /password"] = "any",
  ["POST /v1/auth/reset-password /password"] = "any", ["POST /v1/auth/reset-password /token"] = "any",
  ["POST /v1/auth/verify-email /password"] = "any", ["POST /v1/auth/verify-email /token"] = "any",
  ["POST /v1/me/change-password /currentPassword"] = "any", ["POST /v1/me/change-password /newPassword"] = "any",
  ["POST /v1/me/change-email /password"] = "any", ["POST /v1/me/delete /password"] = "any",
  ["POST /v1/me/api-keys /password"] = "any", ["POST /v1/me/accounts/{id} /password"] = "any",
  ["POST /v1/auth/oidc/exchange /code"] = "any", ["POST /v1/me/accounts/{id} /return"] = "any",
  ["POST /v1/provider-types/{id}/requirements/check /answers/0/value"] = "line",
}

local SAMPLES <const> = { email = "ann@example.org", phone = "+27821234567", ["date-time"] = "2026-11-22T08:00:00Z" }

local function escaped(text)
  return (text:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

describe("a hostile text", function()
  local document, fields

  local function resolved(schema) return api.resolve(document, schema) end

  -- A value that the schema takes; with only what has to be there.
  local function sample(schema)
    schema = resolved(schema)
    if schema.enum then
      return schema.enum[1]
    elseif schema.type == "string" then
      return SAMPLES[schema.pattern and "phone" or schema.format] or ("x"):rep(math.max(schema.minLength or 1, 1))
    elseif schema.type == "object" then
      local made = {}
      for _, key in ipairs(schema.required or {}) do made[key] = sample(schema.properties[key]) end
      return made
    end
    return ({ boolean = true, array = {} })[schema.type] or schema.minimum or 1
  end

  -- Calls see(pointer, schema, body) for each string, where body(text) is one with the text there.
  local function each_string(schema, at, body, see)
    schema = resolved(schema)
    if schema.type == "string" then
      return see(at, schema, body)
    elseif schema.type == "array" then
      return each_string(schema.items, at .. "/0", function(value) return body { value } end, see)
    end
    for key, field in pairs(schema.properties or {}) do
      each_string(field, at .. "/" .. key, function(value)
        local made = sample(schema)
        made[key] = value
        return body(made)
      end, see)
    end
  end

  -- { name, pointer, schema, send } of every string that a body or a query takes.
  local function all_fields()
    local found = {}
    for path, methods in pairs(document.paths) do
      local target = path:gsub("{[^}]+}", "x")
      for method, it in pairs(methods) do
        local name = method:upper() .. " " .. path
        local content = it.requestBody and it.requestBody.content["application/json"]
        each_string(content and content.schema or {}, "", function(value) return value end, function(at, schema, body)
          found[#found + 1] = { name = name .. " " .. at, pointer = at, schema = schema, send = function(text)
            return test.request(method:upper(), target, { body = body(text) })
          end }
        end)
        for _, parameter in ipairs(it.parameters or {}) do
          if parameter["in"] == "query" and resolved(parameter.schema).format == "line" then
            found[#found + 1] = { name = name .. " ?" .. parameter.name, pointer = "/" .. parameter.name,
              schema = resolved(parameter.schema), send = function(text)
                return test.request(method:upper(), target .. "?" .. parameter.name .. "=" .. escaped(text))
              end }
          end
        end
      end
    end
    return found
  end

  setup(function()
    document = test.get("/openapi.json").body
    fields = all_fields()
  end)

  local function refused(field, what, text)
    local r = field.send(text)
    local told = ("%s takes %s: %s %s"):format(field.name, what, r.status, r.text)
    if r.status == 401 then return end -- whoever may not come this far says nothing that is kept
    assert.equal(422, r.status, told)
    for _, it in ipairs(r.body.errors or {}) do
      if it.pointer == field.pointer then return end
    end
    error(told)
  end

  it("is refused by every field that takes a line or a text, and the field is named", function()
    local lines, texts = 0, 0
    for _, field in ipairs(fields) do
      local rule = VERBATIM[field.name] or not field.schema.enum and (field.schema.format or "line")
      local is_text = rule == "text"
      lines, texts = lines + (rule == "line" and 1 or 0), texts + (is_text and 1 or 0)
      for what, text in pairs(rule and rule ~= "any" and NOWHERE or {}) do refused(field, what, text) end
      for what, text in pairs(rule and rule ~= "any" and not is_text and IN_NO_LINE or {}) do
        refused(field, what, text)
      end
    end
    assert.is_true(lines >= 10 and texts >= 2, lines .. " lines, " .. texts .. " texts")
  end)

  it("may be sent verbatim only where that is meant", function()
    for _, field in ipairs(fields) do
      if field.schema.format == "verbatim" then assert.truthy(VERBATIM[field.name], field.name) end
    end
  end)

  it("has sound ones kept in one form", function()
    local slot = test.get("/v1/providers?online=false&limit=5").body.data[3].nextSlotId
    local r = test.post("/v1/bookings", { slotId = slot .. "\n", guestName = "\u{a0} Zoe\u{308}  Botha ",
      guestEmail = "zoe@example.org", isOnline = false, notes = " first\r\nsecond\t\n" })
    assert.equal(201, r.status, r.text)
    assert.equal("Zo\u{eb}  Botha", r.body.guestName)
    assert.equal("first\nsecond", r.body.notes)
  end)
end)
