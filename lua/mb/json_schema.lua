-- Schemas (mb.schema) as JSON Schema 2020-12, for the document.
local json = require "mb.json"

local SCALARS <const> = { scalar = json.array { "string", "number", "boolean" } }
local PHONE <const> = "^\\+[1-9]\\d{6,14}$"

-- ---- alternatives ----

-- The words of a list as "a, b or c".
local function either(words)
  local last = #words
  return last < 2 and words[1] or table.concat(words, ", ", 1, last - 1) .. " or " .. words[last]
end

-- What `one_of` of fields asks for, in words.
local function choice_text(alternatives)
  local words = {}
  for i, keys in ipairs(alternatives) do
    words[i] = #keys == 0 and "none of these" or "`" .. table.concat(keys, "` and `") .. "`"
  end
  return ("Send %s."):format(either(words))
end

-- The same as JSON Schema says it of an object. Each alternative says of its fields what they are, and that of no
-- fields which there are not, so that a generated client has a type for each.
local function choice_schema(spec)
  local list, none = json.array(), {}
  for i, keys in ipairs(spec.one_of) do
    local fields = {}
    for _, key in ipairs(keys) do
      local kind = spec.properties[key].type
      fields[key], none[key] = { type = SCALARS[kind] or kind }, false
    end
    list[i] = #keys > 0 and { type = "object", properties = fields, required = json.array { table.unpack(keys) } }
      or { type = "object", properties = none }
  end
  return list
end

-- ---- schemas ----

local render

-- As JSON Schema; is_input: what is sent may hold nothing else.
local function plain(spec, components, is_input)
  local it = {
    type = SCALARS[spec.type] or spec.type ~= "any" and spec.type or nil, description = spec.description,
    minimum = spec.minimum, maximum = spec.maximum,
    minLength = spec.minLength or spec.format == "line" and 1 or nil, maxLength = spec.maxLength,
    maxItems = spec.maxItems, default = spec.default,
    enum = spec.enum and json.array { table.unpack(spec.enum) },
  }
  if spec.format == "phone" then
    it.pattern = PHONE
  elseif spec.type ~= "object" then
    it.format = spec.format
  end
  if spec.items then
    it.items = render(spec.items, components, is_input)
  elseif spec.properties then
    it.properties = {}
    for key, field in pairs(spec.properties) do
      it.properties[key] = render(field, components, is_input)
    end
    it.required = spec.required and #spec.required > 0 and json.array { table.unpack(spec.required) } or nil
    if spec.one_of then
      -- Within allOf: generators take an anyOf beside properties for something else than these.
      it.allOf = json.array { { anyOf = choice_schema(spec) } }
      it.description = (spec.description and spec.description .. ". " or "") .. choice_text(spec.one_of)
    end
    if spec.format == "verbatim" then
      it.additionalProperties = true
    elseif is_input then
      it.additionalProperties = false
    elseif spec.additionalProperties then
      it.additionalProperties = spec.additionalProperties == true
        or render(spec.additionalProperties, components, false)
    end
  end
  return it
end

-- What has a title stands once in the document, and is named elsewhere. components: { schemas =, by_title =, found =
-- faults, where = the route of this }; is_input: it is sent, and may hold nothing else.
function render(spec, components, is_input)
  local it
  if spec.title then
    local known = components.by_title[spec.title]
    if known and known ~= spec then
      components.found:add(components.where, ("two schemas have the title '%s'"):format(spec.title))
    elseif not known then
      components.by_title[spec.title] = spec
      components.schemas[spec.title] = plain(spec, components, is_input)
    end
    it = { ["$ref"] = "#/components/schemas/" .. spec.title }
  else
    it = plain(spec, components, is_input)
  end
  if not spec.nullable then
    return it
  elseif spec.title then
    return { anyOf = json.array { it, { type = "null" } } }
  end
  it.type = json.array { it.type, "null" }
  if it.enum then
    it.enum[#it.enum + 1] = json.null
  end
  return it
end

-- The alternatives of `one_of` as JSON: OpenAPI 3.1 has no word for "one of these parameters".
local function lists_of(alternatives)
  local made = json.array()
  for i, keys in ipairs(alternatives) do
    made[i] = json.array { table.unpack(keys) }
  end
  return made
end

return { render = render, choice = choice_text, alternatives = lists_of }
