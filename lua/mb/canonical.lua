-- JSON text that is equal for equal values, whatever the order of their fields.
local json = require "mb.json"

local function canonical(value)
  if type(value) ~= "table" then
    return json.encode(value)
  end
  local parts = {}
  if json.is_array(value) then
    for i = 1, #value do
      parts[i] = canonical(value[i])
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do
    parts[#parts + 1] = json.encode(key) .. ":" .. canonical(item)
  end
  table.sort(parts)
  return "{" .. table.concat(parts, ",") .. "}"
end

return canonical
