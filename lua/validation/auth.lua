-- What the bodies of sign-in routes may hold.
local password = require "mb.password"
local refuse_placeholders = require "validation.placeholders"

-- One that is typed to sign in: whatever it is, it is right or wrong.
local function typed(description)
  return {
    type = "string", format = "verbatim", minLength = 1, maxLength = password.MOST, description = description,
    example = "correct horse battery staple",
  }
end

local function new()
  return {
    type = "string", format = "verbatim", minLength = password.LEAST, maxLength = password.MOST,
    description = "none of the most frequent ones, and not the address or the name",
    example = "correct horse battery staple",
  }
end

local email <const> = { type = "string", format = "email", maxLength = 254, example = "thandi@example.org" }
local name <const> = { type = "string", format = "line", maxLength = 100, example = "Thandi Mokoena" }
local token <const> = {
  type = "string", format = "verbatim", minLength = 1, maxLength = 200, description = "of the link in the mail",
  example = "b1Zt3kQ…",
}

local function body(required, properties, check)
  return { type = "object", required = required, properties = properties, check = check }
end

return {
  email = email, name = name, typed = typed, new = new, body = body,
  register = body({ "name", "email", "password" }, { name = name, email = email, password = new() },
    function(value, fail)
      refuse_placeholders(value, { "email" }, fail)
      local why = password.refusal(value.password, value.email, value.name)
      if why then
        fail("/password", why)
      end
    end),
  login = body({ "email", "password" }, {
    email = { type = "string", format = "line", minLength = 3, maxLength = 254, example = "thandi@example.org" },
    password = typed(),
  }),
  address = body({ "email" }, { email = email }),
  verify = body({ "token" }, { token = token, password = typed "that of the account, if it has one" }),
  reset = body({ "token", "password" }, { token = token, password = new() }),
}
