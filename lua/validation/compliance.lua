-- What providers are held to: rows of the database as files of requirements/ and plugins have them.

-- row: of queries/submissions.lua. key: `<provider type>.<requirement>`, by which programs and people know it.
local function in_force(row)
  return {
    id = row.id, key = row.typeSlug .. "." .. row.slug, name = row.name,
    providerType = row.providerType, isRequired = row.isRequired,
  }
end

return { in_force = in_force }
