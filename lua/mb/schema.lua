-- Compiles JSON-Schema-like tables into checks of path parameters, queries and bodies. Known keywords: type (object,
-- array, string, integer, number, boolean, and of bodies scalar: one of the last four), properties, required, items,
-- enum, minimum, maximum, minLength, maxLength (characters), maxItems, format (date-time, decimal, email, phone, line,
-- text, verbatim), default, description, example, title (it is described once, under this name: mb.openapi), and at the
-- outermost `one_of`, a list of alternatives, each the names of fields of which all must be there (the empty one: none
-- of those that the others name), and `check`, a function (value, fail) for rules across fields, where fail(pointer,
-- detail) notes an error. Fields that are not declared are refused, and null is the same as absent; but in an object of
-- a body that says `merge`, a merge patch (RFC 7396), null of a `nullable` field is handed on as json.null and that of
-- others is an error. Instants are handed on as UTC with milliseconds, whatever their offset was. Every error of a
-- request is reported at once: 422 validation_failed with errors = { { pointer, detail } }, at most MAX_ERRORS of them.
--
-- What people write is a `line` (a name: something visible on one line) or a `text` (a note: may be empty, line ends
-- become LF). Both are handed on trimmed and in Unicode's form C, and hold no control characters and none that turn
-- the direction of writing; lengths are those of what is handed on. `verbatim` is left as it was sent (a
-- password). Every string in the body of a route says by `format` or `enum` what it is. An object that is `verbatim`
-- has any members and is handed on as json.raw of the text that was sent: numbers with the digits that they came
-- with, a key that comes twice.
--
-- Schemas of answers say what is sent, and answers are written along them and held to them (src/bind/responses.h).
-- Their objects list what is always there in `required`, in the order in which it is written, before what else there
-- may be. They alone know `nullable`, type "any", and `additionalProperties`: true, or the schema of further members.
local faults = require "mb.faults"
local json = require "mb.json"
local problem = require "mb.problem"
local shape = require "mb.shape"
local text = require "mb.text"
local time = require "mb.time"

local MAX_ERRORS <const> = 32

-- name -> what it is, test, and the form in which the value is handed on
local FORMATS <const> = {
  ["date-time"] = {
    "an RFC 3339 instant such as 2026-11-22T08:00:00Z (in a query a plus sign is written %2B)",
    time.parse,
    function(s) return time.format(time.parse(s)) end,
  },
  email = { "an e-mail address", text.is_email },
  decimal = { "a decimal number such as 450.00", function(s)
    return s:find "^%-?%d+$" ~= nil or s:find "^%-?%d+%.%d+$" ~= nil
  end },
  phone = { "a telephone number in international form such as +27821234567", text.is_phone },
  line = { "one line", text.line, text.line },
  text = { "a text", text.lines, text.lines },
  verbatim = { "a text", function() return true end },
}
local WRITTEN <const> = { line = text.line, text = text.lines }

local function pointer_of(base, key)
  return base .. "/" .. tostring(key):gsub("~", "~0"):gsub("/", "~1")
end

local check_value

local function check_string(spec, value, at, fail)
  if WRITTEN[spec.format] then
    local clean, why = WRITTEN[spec.format](value)
    if not clean then
      return fail(at, why)
    end
    value = clean
  end
  local length, has_control = text.measure(value)
  if spec.minLength and length < spec.minLength then
    fail(at, spec.minLength == 1 and "must not be empty" or ("needs at least %d characters"):format(spec.minLength))
  elseif spec.maxLength and length > spec.maxLength then
    fail(at, ("takes at most %d characters"):format(spec.maxLength))
  elseif has_control and not WRITTEN[spec.format] then
    fail(at, "must not hold control characters")
  elseif spec.format and not FORMATS[spec.format][2](value) then
    fail(at, "must be " .. FORMATS[spec.format][1])
  end
end

local function check_number(spec, value, at, fail)
  if spec.minimum and value < spec.minimum then
    fail(at, ("must be at least %s"):format(spec.minimum))
  elseif spec.maximum and value > spec.maximum then
    fail(at, ("must be at most %s"):format(spec.maximum))
  end
end

-- Fields become what the handler is to see: defaults stand in, instants take their one form.
local function complete(spec, value, is_sound)
  for key, field in pairs(spec.properties) do
    local normal = field.format and FORMATS[field.format][3]
    if value[key] == nil then
      value[key] = field.default
    elseif normal and is_sound and value[key] ~= json.null then
      value[key] = normal(value[key])
    end
  end
end

-- Of what is verbatim nothing is asked but that it is an object.
local function check_object(spec, value, at, fail)
  if spec.format == "verbatim" then
    return
  end
  local is_sound = true
  local function note(pointer, detail)
    is_sound = false
    fail(pointer, detail)
  end
  for key, item in pairs(value) do
    local field = spec.properties[key]
    if not field then
      note(pointer_of(at, key), "is not a known field")
    elseif item == json.null and spec.merge then
      if not field.nullable then
        note(pointer_of(at, key), "cannot be removed")
      end
    elseif item == json.null then
      value[key] = nil
    else
      check_value(field, item, pointer_of(at, key), note)
    end
  end
  for _, key in ipairs(spec.required or {}) do
    if value[key] == nil then
      note(pointer_of(at, key), "is required")
    end
  end
  complete(spec, value, is_sound)
end

local function check_array(spec, value, at, fail)
  if spec.maxItems and #value > spec.maxItems then
    return fail(at, ("takes at most %d items"):format(spec.maxItems))
  end
  local normal = spec.items.format and FORMATS[spec.items.format][3]
  for i, item in ipairs(value) do
    local is_sound = true
    check_value(spec.items, item, pointer_of(at, i - 1), function(pointer, detail)
      is_sound = false
      fail(pointer, detail)
    end)
    if normal and is_sound then
      value[i] = normal(item)
    end
  end
end

local function is_array(v) return type(v) == "table" and json.is_array(v) end
local function is_object(v) return type(v) == "table" and not json.is_array(v) end

-- type -> its name in a sentence, test, check of the rest, its keywords
local TYPES <const> = {
  string = { "a string", function(v) return type(v) == "string" end, check_string,
    { minLength = true, maxLength = true, format = true, enum = true, default = true } },
  integer = { "an integer", function(v) return math.type(v) == "integer" end, check_number,
    { minimum = true, maximum = true, enum = true, default = true } },
  number = { "a number", function(v) return type(v) == "number" end, check_number,
    { minimum = true, maximum = true, default = true } },
  boolean = { "true or false", function(v) return type(v) == "boolean" end, nil, { default = true } },
  object = { "an object", is_object, check_object,
    { properties = true, required = true, additionalProperties = true, one_of = true, merge = true, format = true } },
  array = { "an array", is_array, check_array, { items = true, maxItems = true } },
  any = { "anything", function() return true end, nil, {} },
  scalar = { "a string, a number, true or false", function(v) return type(v) ~= "table" and type(v) ~= "userdata" end,
    function(spec, value, at, fail)
      if type(value) == "string" then
        check_string(spec, value, at, fail)
      end
    end,
    { minLength = true, maxLength = true, format = true } },
}

function check_value(spec, value, at, fail)
  local kind = TYPES[spec.type]
  if not kind[2](value) then
    return fail(at, "must be " .. kind[1])
  end
  if spec.enum then
    for _, allowed in ipairs(spec.enum) do
      if allowed == value then
        return
      end
    end
    return fail(at, #spec.enum == 0 and "can only be removed" or "must be one of " .. table.concat(spec.enum, ", "))
  end
  if kind[3] then
    kind[3](spec, value, at, fail)
  end
end

-- ---- schemas themselves are checked when scripts load ----

-- keyword -> Lua type of its value; "any" is judged elsewhere
local KEYWORDS <const> = {
  type = "string", properties = "table", required = "table", items = "table", enum = "table",
  minimum = "number", maximum = "number", minLength = "integer", maxLength = "integer",
  maxItems = "integer", format = "string", default = "any", description = "string", title = "string", merge = "boolean",
  nullable = "boolean", check = "function", one_of = "table", example = "any", additionalProperties = "any",
}
local EVERYWHERE <const> = { type = true, description = true, title = true, example = true }
local OF_ANSWERS <const> = {
  nullable = "'nullable' is for answers, and for bodies that say `merge`: elsewhere null counts as absent",
  additionalProperties = "'additionalProperties' is for answers: what is sent holds what is declared",
}
local MAX_PROPERTIES <const> = 64 -- of an object of an answer: src/bind/shape.h

-- is_patched: it is a field of an object that says `merge`.
local function verify_keywords(spec, at, wrong, is_answer, is_patched)
  local kind = TYPES[spec.type]
  if not kind then
    return wrong(("unknown type '%s'"):format(tostring(spec.type)), faults.nearest(spec.type, faults.names_of(TYPES)))
  end
  for key, value in pairs(spec) do
    local expected = KEYWORDS[key]
    if not expected then
      wrong(("unknown keyword '%s'"):format(tostring(key)), faults.nearest(key, faults.names_of(KEYWORDS)))
    elseif expected ~= "any" and type(value) ~= expected and math.type(value) ~= expected then
      wrong(("'%s' takes a value of type %s"):format(key, expected))
    elseif key == "check" or key == "one_of" then
      if at ~= "" or is_answer then
        wrong(("'%s' stands at the outermost of what is checked only"):format(key))
      end
    elseif key == "merge" and is_answer then
      wrong "'merge' is for bodies"
    elseif OF_ANSWERS[key] and not is_answer and not (key == "nullable" and is_patched) then
      wrong(OF_ANSWERS[key])
    elseif key ~= "nullable" and not EVERYWHERE[key] and not kind[4][key] then
      wrong(("'%s' says nothing about type %s"):format(key, spec.type))
    end
  end
  if spec.format and not FORMATS[spec.format] then
    wrong(("unknown format '%s'"):format(spec.format), faults.nearest(spec.format, faults.names_of(FORMATS)))
  end
  if spec.type == "object" and spec.format
    and (spec.format ~= "verbatim" or is_answer or next(spec.properties or {})) then
    wrong("an object is `verbatim` in bodies only, and declares no properties then")
  end
  if spec.format and spec.enum then
    wrong("'enum' says all there is: leave out 'format'")
  end
  if spec.type == "any" and not is_answer then
    wrong("type 'any' is for answers")
  elseif spec.type == "scalar" and (is_answer or spec.format ~= "verbatim") then
    wrong("type 'scalar' is for bodies, and its texts are `verbatim`")
  end
  for _, key in ipairs { "default", "example" } do
    if spec[key] ~= nil and not kind[2](spec[key]) then
      wrong(("the %s is not %s"):format(key, kind[1]))
    end
  end
end

-- What objects of answers have to say beyond others.
local function verify_answer(spec, wrong)
  if type(spec.required) ~= "table" then
    wrong("an object of an answer needs `required`: the members that are always there, in their order")
  end
  if #faults.names_of(spec.properties) > MAX_PROPERTIES then
    wrong(("an object of an answer has at most %d properties"):format(MAX_PROPERTIES))
  end
end

local verify

-- Notes every fault of a schema in `found`, as of `where`; what: "body", "query", … A schema that was
-- found wanting must not be compiled.
function verify(spec, what, where, found, is_answer, at, is_patched)
  local function wrong(what_is, hint)
    found:add(where, ("%s %s: %s"):format(what, at == "" and "/" or at, what_is), hint)
  end
  if type(spec) ~= "table" then
    return wrong("a schema is a table")
  end
  verify_keywords(spec, at, wrong, is_answer, is_patched)
  if spec.type == "array" then
    return verify(spec.items, what, where, found, is_answer, at .. "/items")
  elseif spec.type ~= "object" then
    return
  elseif type(spec.properties) ~= "table" then
    return wrong("an object needs `properties`")
  end
  for _, key in ipairs(faults.names_of(spec.properties)) do
    verify(spec.properties[key], what, where, found, is_answer, pointer_of(at, key), spec.merge)
  end
  if is_answer then
    verify_answer(spec, wrong)
    if type(spec.additionalProperties) == "table" then
      verify(spec.additionalProperties, what, where, found, is_answer, at .. "/additionalProperties")
    elseif spec.additionalProperties ~= nil and type(spec.additionalProperties) ~= "boolean" then
      wrong("'additionalProperties' is true or a schema")
    end
  end
  for _, keys in ipairs(type(spec.one_of) == "table" and spec.one_of or {}) do
    for _, key in ipairs(type(keys) == "table" and keys or { keys }) do
      if not spec.properties[key] then
        wrong(("one_of names '%s', which is not among its properties"):format(tostring(key)))
      end
    end
  end
  for _, key in ipairs(type(spec.required) == "table" and spec.required or {}) do
    if not spec.properties[key] then
      wrong(("requires '%s', which is not among its properties"):format(key))
    end
  end
end

-- Notes the strings of a body that do not say what they are, so that no text of people comes in as it likes. spec is
-- sound.
local function check_formats(spec, where, found, at)
  at = at or ""
  if spec.type == "array" then
    check_formats(spec.items, where, found, at .. "/items")
  elseif (spec.type == "string" or spec.type == "scalar") and not spec.format and not spec.enum then
    found:add(where, ("body %s: a string says what it is"):format(at),
      "format = \"line\" (a name or an id), \"text\" (several lines), \"verbatim\" (as it was sent)")
  end
  for _, key in ipairs(faults.names_of(spec.properties or {})) do
    check_formats(spec.properties[key], where, found, pointer_of(at, key))
  end
end

-- ---- running a check ----

-- How many of the keys a value has, and those that it has not.
local function count(value, keys)
  local n, missing = 0, {}
  for _, key in ipairs(keys) do
    if value[key] == nil then
      missing[#missing + 1] = key
    else
      n = n + 1
    end
  end
  return n, missing
end

-- Tells what is missing of the alternatives that come nearest: "/a or b is required", as they miss one field each.
local function choose(alternatives, value, fail)
  local best, wanted, is_none_given = -1, {}, true
  for _, keys in ipairs(alternatives) do
    local n, missing = count(value, keys)
    if #missing == 0 and #keys > 0 then
      return
    elseif n > best then
      best, wanted = n, {}
    end
    is_none_given = is_none_given and n == 0
    wanted[#wanted + 1] = n == best and missing[1] or nil
  end
  for _, keys in ipairs(is_none_given and alternatives or {}) do
    if #keys == 0 then
      return
    end
  end
  local others = table.concat(wanted, " or ", 2)
  fail("/" .. wanted[1], others == "" and "is required" or ("or %s is required"):format(others))
end

-- Raises with everything that fails, in the order of the pointers. is_sound: all but the schema's own `one_of`
-- and `check` is known to hold (mb.shape).
local function judge(spec, value, is_sound)
  local errors = json.array()
  local function fail(pointer, detail)
    if #errors < MAX_ERRORS then
      errors[#errors + 1] = { pointer = pointer, detail = detail }
    end
  end
  if not is_sound then
    check_value(spec, value, "", fail)
  end
  if #errors == 0 and spec.one_of then
    choose(spec.one_of, value, fail)
  end
  if #errors == 0 and spec.check then
    spec.check(value, fail)
  end
  if #errors == 0 then
    return
  end
  table.sort(errors, function(a, b) return a.pointer < b.pointer end)
  local first = errors[1]
  local subject = first.pointer == "" and "the body" or first.pointer:sub(2)
  error(problem(422, "validation_failed", subject .. " " .. first.detail, { errors = errors }))
end

-- The function (req) that a shape makes of a schema, which calls slowly(req) for what is not sound.
local function quickly(make, spec, slowly)
  local take = make(spec, slowly) or slowly
  if not (spec.check or spec.one_of) then
    return take
  end
  return function(req)
    local value = take(req)
    if value ~= nil then
      judge(spec, value, true)
    end
  end
end

-- A function (req) that checks the body of a request; nil when the schema has a fault, which is noted in
-- `found` (mb.faults) as of `where`.
local function body(spec, where, found)
  local before = #found.list
  verify(spec, "body", where, found, false, "")
  if #found.list > before then
    return
  end
  return quickly(shape.body, spec, function(req)
    local value = req.body -- nearly always there is something to tell
    if value == nil then
      if spec.required then
        error(problem(422, "body_required", "this route needs a JSON body"))
      end
      value = {}
      req.body = value
    end
    judge(spec, value)
  end)
end

-- Texts become what their field says; a text that cannot stays one and fails there.
local CONVERT <const> = {
  string = function(s)
    return s
  end,
  integer = function(s)
    return s:find("^-?%d+$") and #s <= 18 and math.tointeger(tonumber(s)) or s
  end,
  boolean = function(s)
    if s == "true" then
      return true
    elseif s == "false" then
      return false
    end
    return s
  end,
}

-- The schema of an object of these fields, which came as texts; nil when they have a fault.
local function texts(fields, what, where, found)
  local before = #found.list
  local spec = { type = "object", properties = {}, required = {} }
  for key, field in pairs(fields) do
    if key == "check" then
      spec.check = field
    elseif key == "one_of" then
      spec.one_of = field
    elseif key == "required" then
      spec.required = field
    else
      spec.properties[key] = field
    end
  end
  verify(spec, what, where, found, false, "")
  for _, key in ipairs(faults.names_of(spec.properties)) do
    local field = spec.properties[key]
    if type(field) == "table" and TYPES[field.type] and not CONVERT[field.type] then
      found:add(where, ("%s /%s: is a string, integer or boolean, not a %s"):format(what, key, field.type))
    end
  end
  if #found.list == before then
    return spec
  end
end

-- The check of the fields that a request has under this key ("params" or "query").
local function check_of(spec, key)
  return quickly(shape[key], spec, function(req)
    local values = req[key]
    for name, word in pairs(values) do
      local field = spec.properties[name]
      if field then
        values[name] = CONVERT[field.type](word)
      end
    end
    judge(spec, values)
  end)
end

-- fields: name -> schema, beside which `required`, `one_of` and `check` may stand. As body.
local function query(fields, where, found)
  local spec = texts(fields, "query", where, found)
  return spec and check_of(spec, "query")
end

-- The parameters of a path, each a name in `names`; those without a field are texts. As body.
local function params(fields, names, where, found)
  local spec = texts(fields, "params", where, found)
  for _, key in ipairs(spec and faults.names_of(spec.properties) or {}) do
    if not names[key] then
      found:add(where, ("params /%s: the path has no {%s}"):format(key, key),
        faults.nearest(key, faults.names_of(names)))
    end
  end
  for name in pairs(spec and names or {}) do
    spec.properties[name] = spec.properties[name] or { type = "string" }
  end
  return spec and check_of(spec, "params")
end

-- Verifies the schema of an answer, which the server then writes answers along.
local function answer(spec, where, found)
  verify(spec, "answer", where, found, true, "")
end

return { check_formats = check_formats, body = body, query = query, params = params, answer = answer }
