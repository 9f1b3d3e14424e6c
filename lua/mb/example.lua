-- An example of a schema: what it says itself, else what its fields make up. Of what is sent it has what is required
-- and what has an example of its own, of an answer what is always there.
local json = require "mb.json"

local BY_FORMAT <const> = {
  ["date-time"] = "2026-11-22T08:00:00.000Z", decimal = "450.00", email = "thandi@example.org", phone = "+27825550123",
}
local BY_TYPE <const> = { string = "text", integer = 1, number = 1, boolean = true, any = "text" }

local example

local function object(spec, is_input)
  local made = {}
  for _, key in ipairs(spec.required or {}) do
    made[key] = example(spec.properties[key], is_input)
  end
  for key, field in pairs(is_input and spec.properties or {}) do
    if made[key] == nil then
      made[key] = field.example
    end
  end
  return made
end

function example(spec, is_input)
  if spec.example ~= nil then
    return spec.example
  elseif spec.type == "object" then
    return object(spec, is_input)
  elseif spec.type == "array" then
    return json.array { example(spec.items, is_input) }
  elseif spec.enum then
    return spec.enum[1]
  elseif spec.default ~= nil then
    return spec.default
  elseif BY_FORMAT[spec.format] then
    return BY_FORMAT[spec.format]
  elseif spec.nullable then
    return json.null
  end
  return spec.minimum or BY_TYPE[spec.type]
end

return example
