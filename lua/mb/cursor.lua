-- Opaque cursors of lists: the sort key of the last row seen, as base64url of a JSON array. A
-- cursor that was not made here is refused with 400.
local crypto = require "mb.crypto"
local json = require "mb.json"
local problem = require "mb.problem"

local function encode(...)
  return crypto.encode64(json.encode(json.array { ... }))
end

-- The `count` strings of a cursor; nothing when there is no cursor.
local function decode(text, count)
  if text == nil then
    return
  end
  local bytes = crypto.decode64(text)
  local values = bytes and json.decode(bytes)
  local sound = type(values) == "table" and #values == count
  for i = 1, sound and count or 0 do
    sound = sound and type(values[i]) == "string" and not values[i]:find("%z")
  end
  if not sound then
    error(problem(400, "invalid_cursor", "pass the nextCursor of the page before as it was given"))
  end
  return table.unpack(values, 1, count)
end

return { encode = encode, decode = decode }
