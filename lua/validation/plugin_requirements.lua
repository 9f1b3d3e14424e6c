-- What plugins ask beyond the rows of the database, a key of their manifests:
--
--   requirements = { { provider_type = "general-practitioner", organization = id or nil,
--                      items = { ["hpcsa-number"] = { type = "TEXT", config = { maxLength = 20 } } } } }
local faults = require "mb.faults"
local json = require "mb.json"
local manifest = require "mb.manifest"
local requirement = require "validation.requirement"

local KEYS <const> = { provider_type = "string", organization = "string", items = "table" }

-- Items as validation/requirement.lua takes them; a null takes a key away.
local function as_items(items, at, found)
  local made = {}
  for _, name in ipairs(faults.names_of(items)) do
    local it = items[name]
    if type(it) ~= "table" or type(it.type) ~= "string" or type(it.config) ~= "table" then
      found:add(at, ("requirement '%s' is { type = \"TEXT\", config = { … } }"):format(name))
    else
      local config = {}
      for key, value in pairs(it.config) do
        config[key] = value == json.null and requirement.none or value
      end
      made[name] = requirement.item(it.type, config, at)
    end
  end
  return made
end

-- One of the list: what requirement.overrides makes of it.
local function read(it, at, found)
  local before = #found.list
  manifest.check_keys(it, KEYS, { "provider_type", "items" }, at, "a requirement", found)
  if #found.list > before then
    return
  end
  local items = as_items(it.items, at, found)
  local scope = it.organization and { organization = it.organization }
  local is_sound, set = pcall(requirement.overrides, it.provider_type, items, scope, at)
  if is_sound then
    return set
  end
  found:take(tostring(set))
end

return { read = read }
