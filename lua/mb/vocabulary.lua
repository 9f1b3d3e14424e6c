-- The words that permission rules are made of. permissions/roles.lua tells them:
--
--   vocabulary.new {
--     platform_roles = { "USER", "ADMIN" },                        -- the lowest first
--     organization_permissions = { "MANAGE_BOOKINGS", … },
--     organization_roles = { { name = "STAFF", permissions = { … } }, … },   -- the lowest first
--   }
local faults = require "mb.faults"

local KEYS <const> = { "platform_roles", "organization_permissions", "organization_roles" }
-- word -> its place in the list, from 1
local function ranks_of(list, key, note)
  local ranks = {}
  if type(list) ~= "table" or #list == 0 then
    note(("`%s` is missing: a list of at least one word"):format(key))
    return ranks
  end
  for i, word in ipairs(list) do
    if type(word) ~= "string" or not word:find "^%u[%u%d_]*$" then
      note(("%s[%d] is no word of capitals"):format(key, i))
    elseif ranks[word] then
      note(("%s names %s twice"):format(key, word))
    else
      ranks[word] = i
    end
  end
  return ranks
end

-- The organization roles as two tables by name: rank, and set of permissions.
local function read_roles(list, permissions, note)
  local names, granted = {}, {}
  for i, role in ipairs(type(list) == "table" and list or {}) do
    local name = type(role) == "table" and role.name or nil
    names[i] = name or false
    local set = {}
    for _, permission in ipairs(name and type(role.permissions) == "table" and role.permissions or {}) do
      if not permissions[permission] then
        note(("organization role %s has '%s', which is no organization permission"):format(name, tostring(permission)),
          faults.nearest(permission, faults.names_of(permissions)))
      end
      set[permission] = true
    end
    if name and type(role.permissions) ~= "table" then
      note(("organization role %s says no `permissions`: a list, {} for none"):format(name))
    end
    granted[name or i] = set
  end
  return ranks_of(names, "organization_roles", note), granted
end

local function new(spec)
  local at, found = faults.here(2, "permissions/roles.lua"), faults.new()
  local function note(text, hint)
    found:add(at, text, hint)
  end
  for key in pairs(spec) do
    if not table.concat(KEYS, " "):find(tostring(key), 1, true) then
      note(("unknown key '%s' of a vocabulary"):format(tostring(key)), faults.nearest(key, KEYS))
    end
  end
  local platform = ranks_of(spec.platform_roles, "platform_roles", note)
  local permissions = ranks_of(spec.organization_permissions, "organization_permissions", note)
  local ranks, granted = read_roles(spec.organization_roles, permissions, note)
  found:raise()
  return {
    platform_rank = platform, organization_rank = ranks, granted = granted, permissions = permissions,
    -- As they were told, for the hints of others.
    platform_roles = spec.platform_roles, organization_permissions = spec.organization_permissions,
    organization_roles = faults.names_of(ranks),
  }
end

return { new = new }
