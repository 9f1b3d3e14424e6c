-- Links in mails, and how mails to people are written: greeting, paragraphs, and links, which begin with
-- http.public_url and never with what a request says of itself. The token stands behind #, which browsers send to
-- nobody, and once more alone, for programs.
local config = require "mb.config"
local id = require "mb.id"
local mail_token = require "mb.mail_token"

local function duration(key, default, help)
  return config.declare(key, { type = "duration", default = default, least = "1min", most = "365d", help = help })
end

local VERIFY_WITHIN <const> = duration("auth.verify_within", "24h", "how long a link that verifies an address works")
local RESET_WITHIN <const> = duration("auth.reset_within", "1h", "how long a link that sets a new password works")

-- A link of this kind that does not exist yet: { tokenId, token, validFor }, for the request of a statement.
local function new(kind, within)
  local token_id = id.cuid()
  return { tokenId = token_id, token = mail_token.digest(mail_token.make(kind, token_id)), validFor = within }
end

-- The two lines of a link to a page of the site, for the row of this kind and id.
local function page(name, kind, token_id)
  local token = mail_token.make(kind, token_id)
  return ("%s/%s#token=%s\n\n%s"):format(config "http.public_url", name, token, token)
end

-- name: nil where nobody is known to have written it who may: an advertisement, or the link of a stranger.
local function letter(name, paragraphs)
  return ("Dear %s,\n\n%s\n"):format(name or "user", table.concat(paragraphs, "\n\n"))
end

return { VERIFY_WITHIN = VERIFY_WITHIN, RESET_WITHIN = RESET_WITHIN, new = new, page = page, letter = letter }
