-- Sizes as configuration writes them: "512B", "64KB", "20MB", "2GB". Pure.

local UNITS <const> = { [""] = 1, B = 1, KB = 1024, MB = 1048576, GB = 1073741824 }

-- "20MB" -> 20971520; nil when it is none.
local function bytes(text)
  local number, unit = tostring(text):match "^(%d+) ?(%u*)$"
  local factor = UNITS[unit]
  return factor and math.tointeger(tonumber(number)) and tonumber(number) * factor or nil
end

return { bytes = bytes }
