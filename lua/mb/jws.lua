-- Signed tokens of others in their compact form (JSON Web Signature, RFC 7515), verified by a key of a JSON Web Key
-- set (RFC 7517). Which key and which algorithm is said by the set, never by the token alone.
local crypto = require "mb.crypto"
local json = require "mb.json"
local signature = require "mb.signature"

-- algorithm -> the kind of key that it takes, and the numbers of one
local ALGORITHMS <const> = {
  RS256 = { kty = "RSA", numbers = { "n", "e" } },
  ES256 = { kty = "EC", crv = "P-256", numbers = { "x", "y" } },
}

local function object_of(part)
  local text = crypto.decode64(part)
  local value = text and json.decode(text)
  return type(value) == "table" and not json.is_array(value) and value or nil
end

local function fits(key, header, how)
  return type(key) == "table" and key.kty == how.kty and (not how.crv or key.crv == how.crv)
    and (key.use == nil or key.use == "sig") and (key.alg == nil or key.alg == header.alg)
    and (header.kid == nil or key.kid == header.kid)
end

-- The key of the set that the token names; without a name the only one that fits.
local function choose(keys, header, how)
  local found
  for _, key in ipairs(keys) do
    if fits(key, header, how) then
      if found then
        return nil
      end
      found = key
    end
  end
  return found
end

local function numbers_of(key, how)
  local made = {}
  for _, name in ipairs(how.numbers) do
    made[name] = type(key[name]) == "string" and crypto.decode64(key[name]) or nil
  end
  return made
end

-- What the token says, a table, once it is sure that a key of the set has signed it; else nil and one of "malformed",
-- "algorithm", "unknown_key", "signature". keys: the `keys` of the set, as decoded.
local function open(token, keys)
  local head, body, mark = token:match "^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$"
  local header = head and object_of(head)
  if not header or header.crit ~= nil then
    return nil, "malformed"
  end
  local how = ALGORITHMS[header.alg]
  if not how then
    return nil, "algorithm"
  end
  local key = choose(keys, header, how)
  if not key then
    return nil, "unknown_key"
  end
  local bytes = crypto.decode64(mark)
  if not bytes or not signature.holds(header.alg, numbers_of(key, how), head .. "." .. body, bytes) then
    return nil, "signature"
  end
  local said = object_of(body)
  if not said then
    return nil, "malformed"
  end
  return said
end

return { open = open }
