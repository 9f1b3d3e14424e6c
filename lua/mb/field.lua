-- The fields of a resource (mb.resource): one call per field says what a body may hold, the column, and what answers
-- show. `name = field.line { create = true, change = true, required = true, max = 200 }`. Every kind takes
--
--   create, change   whether a body of POST or PATCH may hold it; a field without them is shown only
--   required         of the body of POST
--   nullable         it may be null: left out of a new one, removed by a PATCH with null
--   default          what a new one has that says nothing; a list is empty then
--   filled           a trigger of the table gives a new one that says nothing a value
--   shown_to         a permission rule: others see null
--   changed_by       a permission rule beside that of the resource: others do not change it
--   select           SQL of its value where it is no column of the table, whose row is called t; not to be written
--   description, example
--
-- and what its own kind says: the keys of SPECS below. A slug, of which a resource has one at most, is by what people
-- and rule files know a row; it is written at creation or never. Where it is unique `within` what another field names,
-- an id `of` a table that has slugs too, people write both: general-practitioner.hpcsa-number.
local faults = require "mb.faults"
local with = require "mb.with"
local json = require "mb.json"

local COMMON <const> = {
  create = "boolean", change = "boolean", required = "boolean", nullable = "boolean", default = "any",
  filled = "boolean", shown_to = "table", changed_by = "table", select = "string", description = "string",
  example = "any",
}
-- kind -> the keys that it knows beside the common ones
local SPECS <const> = {
  id = { of = "string" }, slug = { max = "number", within = "string" }, line = { min = "number", max = "number" },
  text = { max = "number" },
  email = {}, phone = {}, url = { max = "number" }, zone = {},
  integer = { min = "number", max = "number" }, number = { min = "number", max = "number" },
  decimal = { min = "string", max = "string", digits = "number", scale = "number" },
  boolean = {}, enum = { words = "table", type = "string" }, instant = {},
  list = { of = "table", max = "number" }, object = { schema = "table" }, json = { max = "number" },
}

local count = 0 -- fields are shown in the order in which they were written

local function check(kind, options, at)
  local found = faults.new()
  for _, key in ipairs(faults.names_of(options)) do
    local wanted = COMMON[key] or SPECS[kind][key]
    if not wanted then
      local known = faults.names_of(COMMON)
      table.move(faults.names_of(SPECS[kind]), 1, #faults.names_of(SPECS[kind]), #known + 1, known)
      found:add(at, ("field.%s has the unknown key '%s'"):format(kind, key), faults.nearest(key, known))
    elseif wanted ~= "any" and type(options[key]) ~= wanted then
      found:add(at, ("field.%s: `%s` is a %s"):format(kind, key, wanted))
    end
  end
  if options.select and (options.create or options.change) then
    found:add(at, ("field.%s: what is selected by SQL of its own is not written"):format(kind))
  elseif options.create and not options.required and not options.nullable and options.default == nil
    and not options.filled and kind ~= "list" then
    found:add(at, ("field.%s: a new row without it needs a value"):format(kind),
      "say required, nullable, default or filled")
  elseif options.required and (options.nullable or options.default ~= nil or options.filled) then
    found:add(at, ("field.%s: what is required has no default, is not filled and not nullable"):format(kind))
  elseif kind == "slug" and options.change then
    found:add(at, "field.slug: what others know it by does not change")
  end
  found:raise()
end

-- ---- kinds: each gives input (the schema of a body), output (of answers), type (of the column) ----

local function texts(format, most)
  return function(options)
    local schema = { type = "string", format = format, maxLength = options.max or most, minLength = options.min }
    return schema, { type = "string" }, "text"
  end
end

local function numbers(kind, type)
  return function(options)
    local schema = { type = kind, minimum = options.min, maximum = options.max }
    return schema, schema, type
  end
end

-- Compares decimal numbers as texts, as no float holds them: sign, digits before the point, digits behind.
local function parts(text)
  local sign, whole, rest = text:match "^(%-?)0*(%d*)%.?(%d*)$"
  return sign == "-", whole, rest
end

local function is_less(a, b)
  local a_negative, a_whole, a_rest = parts(a)
  local b_negative, b_whole, b_rest = parts(b)
  if a_negative ~= b_negative then
    return a_negative
  elseif a_negative then
    a_whole, a_rest, b_whole, b_rest = b_whole, b_rest, a_whole, a_rest
  end
  local width = math.max(#a_rest, #b_rest)
  local left, right = a_whole .. a_rest .. ("0"):rep(width - #a_rest), b_whole .. b_rest .. ("0"):rep(width - #b_rest)
  return #left < #right or #left == #right and left < right
end

-- What is wrong with a decimal number; nil when nothing is.
local function decimal_check(options)
  local scale = options.scale or 2
  local least, most = options.min, options.max or ("9"):rep((options.digits or 10) - scale) .. "." .. ("9"):rep(scale)
  return function(value)
    local _, _, rest = parts(value)
    if #rest > scale then
      return ("takes at most %d digits behind the point"):format(scale)
    elseif least and is_less(value, least) then
      return "must be at least " .. least
    elseif is_less(most, value) then
      return "must be at most " .. most
    end
  end
end

local KINDS <const> = {
  id = texts("line", 64), line = texts("line", 200), text = texts("text", 10000),
  email = texts("email", 254), phone = texts("phone"),
  slug = function(options)
    return { type = "string", format = "line", maxLength = options.max or 200 }, { type = "string" }, "text",
      function(value)
        if not value:find "^[%l%d%-]+$" or ("-" .. value .. "-"):find("--", 1, true) then
          return "is small letters and digits, with single hyphens between"
        end
      end
  end,
  url = function(options)
    return { type = "string", format = "line", maxLength = options.max or 2000 }, { type = "string" }, "text",
      function(value)
        if not value:find "^https?://[^%s/]" then
          return "must be a URL that begins with https:// or http://"
        end
      end
  end,
  zone = function()
    return { type = "string", format = "line", maxLength = 64 }, { type = "string" }, "text"
  end,
  integer = numbers("integer", "integer"), number = numbers("number", "double precision"),
  decimal = function(options)
    local schema = { type = "string", format = "decimal", maxLength = 40 }
    return schema, { type = "string", format = "decimal" }, "numeric", decimal_check(options)
  end,
  boolean = function() return { type = "boolean" }, { type = "boolean" }, "boolean" end,
  enum = function(options)
    local schema = { type = "string", enum = options.words }
    return schema, schema, ('"%s"'):format(options.type)
  end,
  instant = function()
    local schema = { type = "string", format = "date-time" }
    return schema, schema, "timestamptz"
  end,
  list = function(options)
    local item = options.of
    return { type = "array", items = item.input, maxItems = options.max or 100 },
      { type = "array", items = item.output }, item.type .. "[]"
  end,
  -- A change sends the whole of it.
  object = function(options) return options.schema, options.schema, "jsonb" end,
  -- An object of any members, with the digits that its numbers were sent with; a change sends the whole of it, which a
  -- merge patch could not say of members to be kept or removed. max is of bytes.
  json = function(options)
    local most = options.max or 4000
    return { type = "object", format = "verbatim", properties = {} },
      { type = "object", required = {}, properties = {}, additionalProperties = true }, "jsonb",
      function(value)
        if #json.encode(value) > most then
          return ("takes at most %d bytes"):format(most)
        end
      end
  end,
}

-- What says more than the type alone.
local EXAMPLES <const> = { id = "cm3b0q8zk0000v9l4h2d7x1ab", zone = "Africa/Johannesburg" }
-- What is wrong with a value that the table's check of its column refuses.
local REFUSED <const> = { zone = "is no time zone of IANA, such as Africa/Johannesburg" }

-- { kind, order, at, create, change, required, nullable, default, shown_to, changed_by, input, output, type, wrong,
-- refused, of, within }, where wrong(value) tells what is wrong with a value beside what its schema says.
local function make(kind, options)
  local at = faults.here(2) -- of whoever called field.<kind>, which has made place for this call
  check(kind, options, at)
  count = count + 1
  local input, output, type, wrong = KINDS[kind](options)
  local told = { description = options.description, example = options.example or EXAMPLES[kind] }
  return {
    kind = kind, order = count, at = at, create = options.create, change = options.change, required = options.required,
    nullable = options.nullable, default = options.default, shown_to = options.shown_to,
    changed_by = options.changed_by, sql = options.select,
    input = input and with(input, told),
    output = with(output, with(told, { nullable = options.nullable or options.shown_to ~= nil or nil })),
    type = type, wrong = wrong, refused = REFUSED[kind], of = kind == "id" and options.of or nil,
    words = options.words, within = options.within,
  }
end

local field = {}
for kind in pairs(KINDS) do
  field[kind] = function(options) return make(kind, options or {}) end
end

return setmetatable(field, {
  __index = function(_, kind)
    error(("there is no field.%s (%s)"):format(tostring(kind), faults.nearest(kind, faults.names_of(KINDS))), 2)
  end,
})
