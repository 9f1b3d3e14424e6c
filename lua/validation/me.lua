-- What requests about one's own account may hold.
local auth = require "validation.auth"
local config = require "mb.config"
local refuse_placeholders = require "validation.placeholders"
local time = require "mb.time"

local PROOF <const> = "that of the account; left out where it has none, and you have just signed in"

local COUNTRIES <const> = {}
for code in config.declare("auth.phone_countries", {
  type = "countries", default = "", help = "countries whose numbers get codes by SMS or WhatsApp; empty = all",
}):gmatch "%d+" do
  COUNTRIES[#COUNTRIES + 1] = "+" .. code
end

local function refuse_country(number, pointer, fail)
  for _, beginning in ipairs(COUNTRIES) do
    if number:sub(1, #beginning) == beginning then
      return
    end
  end
  if #COUNTRIES > 0 then
    fail(pointer, "is a number of a country that is not served")
  end
end

-- The body that asks for a code to the number in this field.
local function number_in(key)
  return auth.body({ key }, { [key] = { type = "string", format = "phone", example = "+27825550123" } },
    function(value, fail)
      refuse_placeholders(value, { key }, fail)
      refuse_country(value[key], "/" .. key, fail)
    end)
end

-- Null of a merge patch takes a number away; another one has to be verified.
local function number_taken_away(how)
  return { type = "string", enum = {}, nullable = true, description = "null takes it away; " .. how .. " sets one" }
end

return {
  page = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
  change = {
    type = "object", title = "MeChange", merge = true,
    properties = {
      name = auth.name,
      phone = number_taken_away "`POST /v1/me/phone`",
      whatsapp = number_taken_away "`POST /v1/me/whatsapp`",
    },
  },
  phone = number_in "phone",
  whatsapp = number_in "whatsapp",
  code = auth.body({ "code" }, {
    code = { type = "string", format = "line", minLength = 6, maxLength = 6, example = "482913" },
  }, function(value, fail)
    if not value.code:find "^%d+$" then
      fail("/code", "must be six digits")
    end
  end),
  change_password = auth.body({ "newPassword" }, { currentPassword = auth.typed(PROOF), newPassword = auth.new() }),
  change_email = auth.body({ "email" }, { email = auth.email, password = auth.typed(PROOF) },
    function(value, fail) refuse_placeholders(value, { "email" }, fail) end),
  api_key = auth.body({ "name", "permissions" }, {
    name = { type = "string", format = "line", maxLength = 100, example = "website" },
    permissions = {
      type = "array", maxItems = 100, items = { type = "string", format = "line", maxLength = 100 },
      example = { "bookings.create", "bookings.view" },
    },
    expiresAt = { type = "string", format = "date-time", description = "left out: until it is revoked" },
    password = auth.typed(PROOF),
  }, function(value, fail)
    if value.expiresAt and time.parse(value.expiresAt) <= time.now() then
      fail("/expiresAt", "must be ahead")
    end
  end),
  delete = auth.body(nil, { password = auth.typed(PROOF) }),
}
