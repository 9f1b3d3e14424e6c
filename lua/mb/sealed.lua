-- Tables that somebody else keeps for the server and brings back, in a cookie or a link: whoever holds one can read it
-- and cannot change it. Every process that has the secret key opens what another has sealed.
local crypto = require "mb.crypto"
local json = require "mb.json"
local time = require "mb.time"

-- purpose: what is sealed for one opens for no other. lasts: ms.
local function seal(purpose, value, lasts)
  local body = crypto.encode64(json.encode { value = value, ends = time.now() + lasts })
  return body .. "." .. crypto.hmac("sealed " .. purpose, body)
end

-- The table, or nil: it is none, was changed, or its time is over.
local function open(purpose, text)
  local body, mark = text:match "^([%w_-]+)%.([%w_-]+)$"
  if not body or not crypto.equal(mark, crypto.hmac("sealed " .. purpose, body)) then
    return nil
  end
  local held = json.decode(crypto.decode64(body))
  return held.ends > time.now() and held.value or nil
end

return { seal = seal, open = open }
