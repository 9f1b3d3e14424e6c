-- What providers are held to: rows of the database as files of requirements/ and plugins have them.
local requirement = require "validation.requirement"

-- row: of queries/submissions.lua. key: `<provider type>.<requirement>`, by which programs and people know it.
local function in_force(row)
  return {
    id = row.id, key = requirement.slug(row.providerType) .. "." .. requirement.slug(row.name), name = row.name,
    providerType = row.providerType, isRequired = row.isRequired,
  }
end

return { in_force = in_force }
