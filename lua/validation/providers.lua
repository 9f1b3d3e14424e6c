-- What requests about providers may hold.
local refuse_placeholders = require "validation.placeholders"
local statuses = require "validation.statuses"
local with = require "mb.with"

local LANGUAGES <const> = {
  "English", "IsiZulu", "IsiXhosa", "Afrikaans", "Sepedi", "Setswana", "Sesotho", "IsiNdebele", "SiSwati",
  "Tshivenda", "Xitsonga", "Portuguese", "French", "Hindi", "German", "Mandarin",
}

local CHANNELS <const> = { "email", "sms", "whatsapp" }

-- Notes an empty list, and each item that was there before.
local function check_set(value, key, fail)
  local seen = {}
  if value[key] and #value[key] == 0 then
    fail("/" .. key, "must not be empty")
  end
  for i, item in ipairs(value[key] or {}) do
    if seen[item] then
      fail(("/%s/%d"):format(key, i - 1), "stands there twice")
    end
    seen[item] = true
  end
end

local function line(most, example)
  return { type = "string", format = "line", minLength = 1, maxLength = most, example = example }
end

local PROPERTIES <const> = {
  name = { type = "string", format = "line", minLength = 2, maxLength = 200, example = "Dr Noma Dlamini" },
  bio = { type = "string", format = "text", maxLength = 1000, example = "General practice since 2004." },
  languages = { type = "array", maxItems = #LANGUAGES, items = { type = "string", enum = LANGUAGES } },
  website = line(2000, "https://clinic.example"),
  email = { type = "string", format = "email", maxLength = 254, example = "rooms@clinic.example" },
  whatsapp = { type = "string", format = "phone", example = "+27115550100" },
  showPrice = { type = "boolean", description = "false: nobody is shown what it takes" },
}

local TYPES <const> = {
  type = "array", maxItems = 20, items = line(100, "general-practitioner"),
  description = "ids or slugs of types that are not retired",
}

-- Notes what is wrong with what a provider says of itself; what is not there is not looked at.
local function check_own(value, fail)
  refuse_placeholders(value, { "email", "whatsapp" }, fail)
  check_set(value, "languages", fail)
  check_set(value, "providerTypeIds", fail)
  check_set(value, "reminderChannels", fail)
  if type(value.website) == "string" and not value.website:find '^https?://[^%s/"<>\\][^%s"<>\\]*$' then
    fail("/website", "must be a URL that begins with https:// or http://, without spaces, quotation marks, < and >")
  end
end

return {
  create = {
    type = "object", title = "NewProvider", required = { "name", "languages", "email", "whatsapp", "providerTypeIds" },
    properties = with(PROPERTIES, {
      showPrice = with(PROPERTIES.showPrice, { default = true }),
      providerTypeIds = TYPES,
    }),
    check = check_own,
  },
  change = {
    type = "object", title = "ProviderChange", merge = true,
    properties = with(PROPERTIES, {
      bio = with(PROPERTIES.bio, { nullable = true }), website = with(PROPERTIES.website, { nullable = true }),
      timeZone = line(64, "Africa/Johannesburg"),
      reminderEnabled = { type = "boolean", description = "whether its patients are to be reminded" },
      reminderHours = { type = "integer", minimum = 1, maximum = 72, description = "before an appointment" },
      reminderChannels = { type = "array", maxItems = #CHANNELS, items = { type = "string", enum = CHANNELS } },
    }),
    check = check_own,
  },
  types = {
    type = "object", title = "ProviderTypes", required = { "providerTypeIds" },
    properties = { providerTypeIds = TYPES }, check = check_own,
  },
  list = {
    type = { type = "string", maxLength = 100, description = "id, slug or name of a provider type" },
    service = { type = "string", maxLength = 200,
      description = "id or name of a service, or its slug behind that of its type and a point" },
    location = { type = "string", maxLength = 100, description = "part of a location's name, address or search terms" },
    language = { type = "string", enum = LANGUAGES },
    online = { type = "boolean", description = "true: offers online slots, false: in person" },
    status = { type = "string", enum = statuses,
      description = "for administrators: those of it, without further filters" },
    sort = { type = "string", enum = { "name", "waiting" }, default = "name",
      description = "waiting: of those who wait to be approved, the longest first" },
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
    check = function(value, fail)
      for _, filter in ipairs { "type", "service", "location", "language", "online" } do
        if value.status and value[filter] ~= nil then
          fail("/" .. filter, "does not go with a status")
        end
      end
      if value.sort == "waiting" and value.status ~= "PENDING_APPROVAL" then
        fail("/sort", "waiting wants the status PENDING_APPROVAL")
      end
    end,
  },
}
