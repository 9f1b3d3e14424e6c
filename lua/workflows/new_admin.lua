-- What `medbookd admin create` (src/app/super_admin.c) wants to know of an account that it is to make.
local json = require "mb.json"
local password = require "mb.password"
local text = require "mb.text"

local MOST_NAME <const>, MOST_EMAIL <const> = 100, 254 -- as of validation/auth.lua

local function refuse(what, why)
  error(("admin: the %s %s"):format(what, why), 0)
end

-- The name as it is kept.
local function judge_name(asked)
  local name, why = text.line(asked)
  if not name or text.measure(name) > MOST_NAME then
    refuse("name", why or ("takes at most %d characters"):format(MOST_NAME))
  end
  return name
end

-- asked: JSON of { email, name or none, password }. The JSON of { email, name } as it is kept, or an error that says
-- what is wrong.
local function judge(asked)
  local it = json.decode(asked)
  if not text.is_email(it.email) or #it.email > MOST_EMAIL then
    refuse("address", "is no e-mail address")
  end
  local name = it.name and judge_name(it.name)
  local length = text.measure(it.password)
  if length < password.LEAST or length > password.MOST then
    refuse("password", ("needs %d to %d characters"):format(password.LEAST, password.MOST))
  end
  local why = password.refusal(it.password, it.email, name)
  if why then
    refuse("password", why)
  end
  return json.encode { email = it.email, name = name }
end

return { judge = judge }
