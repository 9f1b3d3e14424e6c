-- What plugins provide to the server: channels that deliver messages, calendars, look-up of places. Here stands
-- what each kind has to have and what it is to return; mb.plugin finds them in the manifests.
--
--   channels = { { name = "sms", kind = "phone", send = function(message) return { reference = "…" } end } }
--     message: id (the same at each attempt), to, subject, text, data; kind: what `to` is, see CHANNELS
--   calendars = { { name = "caldav", busy = function(it) return { busy = { { startTime =, endTime = } } } end,
--                   write = function(it) return { id = "…" } end, remove = function(it) end } }
--     it: connection (what the calendar was connected with), and from, to; event; id
--   places = { { name = "maps", search = function(it) return { places = { … } } end } }
--     it: text, limit
--
-- A function that raises has failed; what it returns beside these is refused.
local faults = require "mb.faults"
local plugin = require "mb.plugin"
local problem = require "mb.problem"

local INSTANT <const> = { type = "string", format = "date-time" }
local ID <const> = { type = "string", minLength = 1, maxLength = 500 }

local PLACE <const> = {
  type = "object", required = { "placeId", "formattedAddress", "coordinates" },
  properties = {
    placeId = ID, name = { type = "string", maxLength = 200 },
    formattedAddress = { type = "string", minLength = 1, maxLength = 500 },
    coordinates = {
      type = "object", required = { "lat", "lng" },
      properties = {
        lat = { type = "number", minimum = -90, maximum = 90 },
        lng = { type = "number", minimum = -180, maximum = 180 },
      },
    },
  },
}

-- What the addresses of a channel are.
local CHANNELS <const> = { "email", "phone", "whatsapp" }

-- kind -> keys of a provision beside `name` ("handler" is a function), those that must be there, the words that a key
-- takes, and what each function is to return
local KINDS <const> = {
  channels = {
    keys = { kind = "string", send = "handler" }, required = { "kind", "send" }, words = { kind = CHANNELS },
    results = { send = { type = "object", properties = { reference = { type = "string", maxLength = 500 } } } },
  },
  calendars = {
    keys = { busy = "handler", write = "handler", remove = "handler" }, required = { "busy" },
    results = {
      busy = {
        type = "object", required = { "busy" },
        properties = {
          busy = { type = "array", maxItems = 5000, items = {
            type = "object", required = { "startTime", "endTime" },
            properties = { id = ID, startTime = INSTANT, endTime = INSTANT },
          } },
        },
      },
      write = { type = "object", required = { "id" }, properties = { id = ID } },
      remove = { type = "object", properties = {} },
    },
  },
  places = {
    keys = { search = "handler" }, required = { "search" },
    results = {
      search = {
        type = "object", required = { "places" },
        properties = { places = { type = "array", maxItems = 100, items = PLACE } },
      },
    },
  },
}

-- The provision of that name; without a name the first in the order of names for which `suits` holds.
local function find(kind, name, suits)
  for _, it in ipairs(plugin.provisions(kind)) do
    if name and it.name == name or not name and (not suits or suits(it)) then
      return it
    end
  end
end

-- A channel for such addresses, or the one of that name; nil when there is none for them. Raises for a name, or a kind
-- of addresses, that nothing has.
local function channel(address_kind, name)
  local names, is_kind = {}, false
  for i, it in ipairs(plugin.provisions "channels") do
    names[i] = it.name
  end
  for _, kind in ipairs(CHANNELS) do
    is_kind = is_kind or kind == address_kind
  end
  if not is_kind then
    error(("there are no channels of kind '%s' (%s)"):format(tostring(address_kind),
      faults.nearest(address_kind, CHANNELS)), 3)
  end
  local it = find("channels", name, function(one) return one.it.kind == address_kind end)
  if name and not it then
    error(("there is no channel '%s' (%s)"):format(name, faults.nearest(name, names)), 3)
  end
  return it
end

-- Raises: nothing provides what is asked for.
local function refuse_missing()
  error(problem(503, "not_provided", "no plugin provides this"))
end

-- What it returns, checked; raises a problem when it fails or is not there.
local function ask(it, what, argument)
  if not it or not it.functions[what] then
    refuse_missing()
  end
  local result = it.functions[what](argument)
  if not result then
    error(problem(502, "provider_failed", "the plugin that provides this failed; the log tells why"))
  end
  return result
end

return {
  KINDS = KINDS, find = find, channel = channel, refuse_missing = refuse_missing, ask = ask, PLACE = PLACE,
}
