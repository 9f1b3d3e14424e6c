-- Spans of time as configuration writes them, "500ms", "30s", "15min", "2h", "1d", and the pauses
-- between attempts. Pure.

local UNITS <const> = { ms = 1, s = 1000, min = 60000, h = 3600000, d = 86400000 }

-- "15min" -> 900000; nil when it is none.
local function ms(text)
  local number, unit = tostring(text):match "^(%d+)(%l+)$"
  local factor = UNITS[unit]
  return factor and math.tointeger(tonumber(number)) and tonumber(number) * factor or nil
end

-- "03:30" -> milliseconds since midnight; nil when it is no time of day.
local function time_of_day(text)
  local hour, minute = tostring(text):match "^(%d%d):(%d%d)$"
  hour, minute = tonumber(hour), tonumber(minute)
  if not hour or hour > 23 or minute > 59 then
    return nil
  end
  return (hour * 60 + minute) * UNITS.min
end

-- The pause after the n-th failure, in ms: `first`, doubled each time, `most` at most; of that a random
-- part from a half to the whole, so that what failed together does not come back together. random() is
-- from 0 to 1.
local function backoff(first, most, n, random)
  local whole = math.min(most, first * 2.0 ^ math.min(n - 1, 60))
  return math.floor(whole / 2 + whole / 2 * random())
end

return { ms = ms, time_of_day = time_of_day, backoff = backoff }
