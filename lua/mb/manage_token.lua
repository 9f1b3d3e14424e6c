-- Capability tokens of one row: an HMAC of the server's key over kind, id and version, so it is
-- never stored and is made again whenever it is needed. Raising the version revokes it.
local crypto = require "mb.crypto"

local PREFIX <const> = "mbt_"

local function make(id, version)
  return PREFIX .. crypto.hmac("manage-token", id .. ":" .. version)
end

local function matches(token, id, version)
  return token ~= nil and crypto.equal(token, make(id, version))
end

-- Whether it begins like one: anybody may have written it.
local function is_one(token)
  return token:sub(1, #PREFIX) == PREFIX
end

return { make = make, matches = matches, is_one = is_one }
