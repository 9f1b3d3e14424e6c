-- Opaque cursors of lists: the sort key of the last row seen, as base64url of a JSON array. A
-- cursor that was not made here is refused with 400.
local crypto = require "mb.crypto"
local json = require "mb.json"
local problem = require "mb.problem"
local time = require "mb.time"

-- Only the form that rows carry: PostgreSQL knows fewer offsets than RFC 3339 allows.
local function is_instant(s)
  local ms = time.parse(s)
  return ms ~= nil and time.format(ms) == s
end

local KINDS <const> = {
  instant = is_instant,
  text = function(s)
    return not s:find("\0", 1, true)
  end,
  integer = function(s)
    local n = s:find "^-?%d+$" and math.tointeger(tonumber(s))
    return n ~= nil and -1 << 31 <= n and n < 1 << 31 -- of PostgreSQL
  end,
  bigint = function(s) return s:find "^-?%d+$" ~= nil and math.tointeger(tonumber(s)) ~= nil end,
  decimal = function(s)
    return s:find "^-?%d+%.?%d*$" ~= nil and #s <= 40
  end,
}

local function encode(...)
  local values = table.pack(...)
  for i = 1, values.n do
    values[i] = values[i] == nil and json.null or values[i]
  end
  values.n = nil
  return crypto.encode64(json.encode(json.array(values)))
end

local function is_sound(value, kind)
  local needed, may_miss = kind:match "^(%l+)(%??)$"
  if value == json.null then
    return may_miss == "?"
  end
  return type(value) == "string" and KINDS[needed](value)
end

-- The values of a cursor made of these kinds ("instant", "text", "integer", "bigint" or "decimal", with ? behind what
-- may be nil); nothing when there is none.
local function decode(text, ...)
  if text == nil then
    return
  end
  local kinds = { ... }
  local bytes = crypto.decode64(text)
  local values = bytes and json.decode(bytes)
  local sound = type(values) == "table" and #values == #kinds
  for i = 1, sound and #kinds or 0 do
    sound = sound and is_sound(values[i], kinds[i])
    if sound and values[i] == json.null then
      values[i] = nil
    end
  end
  if not sound then
    error(problem(400, "invalid_cursor", "pass the nextCursor of the page before as it was given"))
  end
  return table.unpack(values, 1, #kinds)
end

return { encode = encode, decode = decode }
