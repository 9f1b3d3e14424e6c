-- Addresses that stand as column defaults in the database and belong to nobody: no body may hold them.
local PLACEHOLDERS <const> = { ["default@example.com"] = true, ["+1234567890"] = true }

-- Notes with fail each of these fields whose value is one.
return function(value, keys, fail)
  for _, key in ipairs(keys) do
    if type(value[key]) == "string" and PLACEHOLDERS[value[key]:lower()] then
      fail("/" .. key, "is a placeholder, not an address")
    end
  end
end
