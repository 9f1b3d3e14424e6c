-- The events that the outbox may hold: what jobs and plugins can be called for.

-- Told by functions of the database that belong to no workflow, and to no route that a resource has of its table.
local OTHERS <const> = {
  "location.created", "location.closed",
  "service_config.created", "service_config.changed", "service_config.deleted",
}

-- As a set, of the workflows and resources in these lists of modules, and the others.
local function of(...)
  local known = {}
  for _, event in ipairs(OTHERS) do
    known[event] = true
  end
  for _, modules in ipairs { ... } do
    for _, module in ipairs(modules) do
      for _, event in ipairs(require(module):events()) do
        known[event] = true
      end
    end
  end
  return known
end

return { of = of }
