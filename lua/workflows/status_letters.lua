-- What people are written about a status: the texts of mails/provider_status.lua and organization_status.lua, filled
-- in.
local links = require "workflows.links"

-- letter: subject, and paragraphs; {reason}, {trialEnd} and the like stand for what `it` says by that name, and a
-- paragraph that needs what there is not is left out. name: of whoever is written to. -> subject, text
local function fill(letter, it, name)
  local parts = {}
  for i, part in ipairs(letter) do
    local is_whole = true
    local text = part:gsub("{(%a+)}", function(key)
      is_whole = is_whole and it[key] ~= nil
      return it[key]
    end)
    parts[#parts + 1] = (i == 1 or is_whole) and text or nil
  end
  return table.remove(parts, 1), links.letter(name, parts)
end

return { fill = fill }
