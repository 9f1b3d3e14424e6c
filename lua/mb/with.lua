-- with(table, changes): a copy that has these changes, as of a schema that says more; what is shared stays as it is.
return function(original, changes)
  local made = {}
  for key, value in pairs(original) do
    made[key] = value
  end
  for key, value in pairs(changes) do
    made[key] = value
  end
  return made
end
