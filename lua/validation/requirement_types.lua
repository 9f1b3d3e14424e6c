-- The configuration that a row of requirements holds.
local json = require "mb.json"
local requirement = require "validation.requirement"

local LARGEST <const> = 1e15 -- number of a configuration

-- As a table, without the keys that it sets to null; empty where there is none or it is no object. config: as the text
-- of a row or the object of a body, or nil. An object with a key given twice, which a body may hold and a row not: nil
-- and why.
local function config_of(config)
  local kept = {}
  if config == nil then
    return kept
  end
  local decoded, why = json.decode(type(config) == "userdata" and json.encode(config) or config)
  if decoded == nil then
    return nil, why
  end
  for key, value in pairs(type(decoded) == "table" and not json.is_array(decoded) and decoded or {}) do
    if value ~= json.null then
      kept[key] = value
    end
  end
  return kept
end

-- Whether all numbers of a value can be read again: a row holds every digit of them, 1e300 as well as 1e-300.
local function is_readable(value)
  if type(value) == "number" then
    return value == 0 or math.abs(value) <= LARGEST and math.abs(value) >= 1 / LARGEST
  end
  for _, part in pairs(type(value) == "table" and value or {}) do
    if not is_readable(part) then
      return false
    end
  end
  return true
end

-- Notes what is wrong with a requirement that would be stored.
local function check(values, fail)
  local config, why = config_of(values.validationConfig)
  if not config then
    return fail("/validationConfig", why)
  elseif not is_readable(config) then
    return fail("/validationConfig", "holds a number beyond 1e15, or one that is nearly 0")
  end
  requirement.judge(values.validationType, config, function(key, text)
    fail("/validationConfig" .. (key and "/" .. key:gsub("~", "~0"):gsub("/", "~1") or ""), text)
  end)
end

return { config_of = config_of, check = check }
