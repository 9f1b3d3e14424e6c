-- What requests about providers may hold.
local refuse_placeholders = require "validation.placeholders"

local LANGUAGES <const> = {
  "English", "IsiZulu", "IsiXhosa", "Afrikaans", "Sepedi", "Setswana", "Sesotho", "IsiNdebele", "SiSwati",
  "Tshivenda", "Xitsonga", "Portuguese", "French", "Hindi", "German", "Mandarin",
}

-- Notes an empty list, and each item that was there before.
local function check_set(value, key, fail)
  local seen = {}
  if #value[key] == 0 then
    fail("/" .. key, "must not be empty")
  end
  for i, item in ipairs(value[key]) do
    if seen[item] then
      fail(("/%s/%d"):format(key, i - 1), "stands there twice")
    end
    seen[item] = true
  end
end

local function line(most, example)
  return { type = "string", format = "line", minLength = 1, maxLength = most, example = example }
end

return {
  create = {
    type = "object", title = "NewProvider", required = { "name", "languages", "email", "whatsapp", "providerTypeIds" },
    properties = {
      name = { type = "string", format = "line", minLength = 2, maxLength = 200, example = "Dr Noma Dlamini" },
      bio = { type = "string", format = "text", maxLength = 1000, example = "General practice since 2004." },
      languages = {
        type = "array", maxItems = #LANGUAGES, items = { type = "string", enum = LANGUAGES },
      },
      website = line(2000, "https://clinic.example"),
      email = { type = "string", format = "email", maxLength = 254, example = "rooms@clinic.example" },
      whatsapp = { type = "string", format = "phone", example = "+27115550100" },
      showPrice = { type = "boolean", default = true, description = "false: nobody is shown what it takes" },
      providerTypeIds = { type = "array", maxItems = 20, items = line(64, "cm3b0q8zk0000v9l4h2d7x1ab") },
    },
    check = function(value, fail)
      refuse_placeholders(value, { "email", "whatsapp" }, fail)
      check_set(value, "languages", fail)
      check_set(value, "providerTypeIds", fail)
      if value.website and not value.website:find "^https?://[^%s/]" then
        fail("/website", "must be a URL that begins with https:// or http://")
      end
    end,
  },
  list = {
    type = { type = "string", maxLength = 100, description = "id or name of a provider type" },
    service = { type = "string", maxLength = 100, description = "id or name of a service" },
    location = { type = "string", maxLength = 100, description = "part of a location's name, address or search terms" },
    language = { type = "string", enum = LANGUAGES },
    online = { type = "boolean", description = "true: offers online slots, false: in person" },
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
