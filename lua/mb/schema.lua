-- Compiles JSON-Schema-like tables into checks of queries and bodies. Known keywords: type
-- (object, array, string, integer, number, boolean), properties, required, items, enum, minimum,
-- maximum, minLength, maxLength (characters), maxItems, format (date-time, email, phone),
-- default, description, and `check`, a function (value, fail) for rules across fields, where
-- fail(pointer, detail) notes an error. Fields that are not declared are refused. Every error of
-- a request is reported at once: 422 validation_failed with errors = { { pointer, detail } }.
local problem = require "mb.problem"
local json = require "mb.json"
local time = require "mb.time"

local KEYWORDS <const> = {
  type = true, properties = true, required = true, items = true, enum = true, minimum = true,
  maximum = true, minLength = true, maxLength = true, maxItems = true, format = true,
  default = true, description = true, check = true,
}

local FORMATS <const> = {
  ["date-time"] = { "an RFC 3339 instant such as 2026-11-22T08:00:00Z (in a query a plus sign is written %2B)", function(s)
    return time.parse(s) ~= nil
  end },
  email = { "an e-mail address", function(s)
    return #s <= 254 and s:find("^[%w!#$%%&'*+/=?^_`{|}~.-]+@[%w-]+%.[%w.-]*%w$") ~= nil and not s:find("..", 1, true)
  end },
  phone = { "a telephone number in international form such as +27821234567", function(s)
    return s:find("^%+[1-9]%d%d%d%d%d%d%d?%d?%d?%d?%d?%d?%d?%d?$") ~= nil
  end },
}

local function pointer_of(base, key)
  return base .. "/" .. tostring(key):gsub("~", "~0"):gsub("/", "~1")
end

local check_value

local function check_string(spec, value, at, fail)
  local length = utf8.len(value) or #value
  if spec.minLength and length < spec.minLength then
    fail(at, spec.minLength == 1 and "must not be empty" or ("needs at least %d characters"):format(spec.minLength))
  elseif spec.maxLength and length > spec.maxLength then
    fail(at, ("takes at most %d characters"):format(spec.maxLength))
  elseif value:find("%z") or value:find("[\1-\8\11\12\14-\31\127]") then
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

local function check_object(spec, value, at, fail)
  for key, item in pairs(value) do
    local field = spec.properties[key]
    if not field then
      fail(pointer_of(at, key), "is not a known field")
    elseif item == json.null then
      value[key] = nil -- null is the same as absent
    else
      check_value(field, item, pointer_of(at, key), fail)
    end
  end
  for _, key in ipairs(spec.required or {}) do
    if value[key] == nil then
      fail(pointer_of(at, key), "is required")
    end
  end
  for key, field in pairs(spec.properties) do
    if value[key] == nil and field.default ~= nil then
      value[key] = field.default
    end
  end
end

local function check_array(spec, value, at, fail)
  if spec.maxItems and #value > spec.maxItems then
    return fail(at, ("takes at most %d items"):format(spec.maxItems))
  end
  for i, item in ipairs(value) do
    check_value(spec.items, item, pointer_of(at, i - 1), fail)
  end
end

local TYPES <const> = {
  string = { "a string", function(v) return type(v) == "string" end, check_string },
  integer = { "an integer", function(v) return math.type(v) == "integer" end, check_number },
  number = { "a number", function(v) return type(v) == "number" end, check_number },
  boolean = { "true or false", function(v) return type(v) == "boolean" end },
  object = { "an object", function(v) return type(v) == "table" and not json.is_array(v) end, check_object },
  array = { "an array", function(v) return type(v) == "table" and json.is_array(v) end, check_array },
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
    return fail(at, "must be one of " .. table.concat(spec.enum, ", "))
  end
  if kind[3] then
    kind[3](spec, value, at, fail)
  end
end

-- Raises at load when a schema itself is wrong.
local function verify(spec, where, at)
  local function wrong(text)
    error(("%s: schema %s: %s"):format(where, at == "" and "/" or at, text), 0)
  end
  if type(spec) ~= "table" then
    wrong("is not a table")
  end
  for key in pairs(spec) do
    if not KEYWORDS[key] then
      wrong(("unknown keyword '%s'"):format(tostring(key)))
    end
  end
  if not TYPES[spec.type] then
    wrong(("unknown type '%s'"):format(tostring(spec.type)))
  end
  if spec.format and not FORMATS[spec.format] then
    wrong(("unknown format '%s'"):format(tostring(spec.format)))
  end
  if spec.type == "object" then
    if type(spec.properties) ~= "table" then
      wrong("an object needs `properties`")
    end
    for key, field in pairs(spec.properties) do
      verify(field, where, pointer_of(at, key))
    end
    for _, key in ipairs(spec.required or {}) do
      if not spec.properties[key] then
        wrong(("requires '%s', which is not among its properties"):format(key))
      end
    end
  elseif spec.type == "array" then
    verify(spec.items, where, at .. "/items")
  end
end

-- Runs one check, gathering what fails.
local function judge(spec, value)
  local errors = json.array()
  local function fail(pointer, detail)
    errors[#errors + 1] = { pointer = pointer, detail = detail }
  end
  check_value(spec, value, "", fail)
  if #errors == 0 and spec.check then
    spec.check(value, fail)
  end
  if #errors > 0 then
    local first = errors[1]
    error(problem(422, "validation_failed", ("%s %s"):format(first.pointer:sub(2), first.detail), { errors = errors }))
  end
end

local function body(spec, where)
  verify(spec, where, "")
  return function(req)
    local value = req.body
    if value == nil then
      if spec.required then
        error(problem(422, "body_required", "this route needs a JSON body"))
      end
      value = {}
      req.body = value
    end
    judge(spec, value)
  end
end

-- Texts of a query become what their field says; a text that cannot stays one and fails there.
local CONVERT <const> = {
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

local function query(fields, where)
  local spec = { type = "object", properties = {}, required = {} }
  for key, field in pairs(fields) do
    if key == "check" then
      spec.check = field
    elseif key == "required" then
      spec.required = field
    else
      spec.properties[key] = field
    end
  end
  verify(spec, where, "")
  return function(req)
    local values = req.query
    for key, text in pairs(values) do
      local convert = spec.properties[key] and CONVERT[spec.properties[key].type]
      if convert then
        values[key] = convert(text)
      end
    end
    judge(spec, values)
  end
end

return { body = body, query = query }
