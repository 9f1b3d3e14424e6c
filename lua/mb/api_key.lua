-- Keys of programs: random, and to be told from other tokens by how they begin.
local crypto = require "mb.crypto"

local PREFIX <const> = "mbk_"
local SHOWN <const> = #PREFIX + 6 -- characters by which its owner knows it

local function make()
  return PREFIX .. crypto.token()
end

local function is_one(token)
  return token:sub(1, #PREFIX) == PREFIX
end

return { make = make, is_one = is_one, SHOWN = SHOWN }
