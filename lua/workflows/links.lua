-- How mails to people are written: the greeting, paragraphs, and links, which begin with http.public_url and never with
-- what a request says of itself. The token stands behind #, which browsers send to nobody, and once more alone, for
-- programs.
local config = require "mb.config"
local mail_token = require "mb.mail_token"

-- The two lines of a link to a page of the site, for the row of this kind and id.
local function page(name, kind, id)
  local token = mail_token.make(kind, id)
  return ("%s/%s#token=%s\n\n%s"):format(config "http.public_url", name, token, token)
end

local function letter(name, paragraphs)
  return ("Dear %s,\n\n%s\n"):format(name or "user", table.concat(paragraphs, "\n\n"))
end

return { page = page, letter = letter }
