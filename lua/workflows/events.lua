-- The events that the outbox may hold: what jobs and plugins can be called for.

-- As a set, of the workflows and resources in these lists of modules.
local function of(...)
  local known = {}
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
