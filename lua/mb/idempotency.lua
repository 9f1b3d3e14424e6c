-- The Idempotency-Key header: what a POST needs to be repeated without a second effect.
local crypto = require "mb.crypto"
local json = require "mb.json"
local problem = require "mb.problem"

-- A text that is equal for equal values, whatever the order of their fields.
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

-- key, hash of the body; nothing without the header. Keys are 1 to 255 printable characters.
local function of(req, body)
  local key = req:header("idempotency-key")
  if not key then
    return
  end
  if #key < 1 or #key > 255 or key:find("[^\x21-\x7e]") then
    error(problem(400, "invalid_idempotency_key", "Idempotency-Key takes 1 to 255 printable characters without spaces"))
  end
  return key, crypto.sha256(canonical(body))
end

return { of = of }
