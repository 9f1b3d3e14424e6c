-- Tokens of links in mails: an HMAC of the server's key over kind and id of the row that stands for the link. So the
-- database holds a digest only, and whoever writes the mail later makes the token again from the id.
local crypto = require "mb.crypto"

local function make(kind, id)
  return crypto.hmac("mail-token", kind .. ":" .. id)
end

-- What the database knows a token by.
local function digest(token)
  return crypto.sha256(token)
end

return { make = make, digest = digest }
