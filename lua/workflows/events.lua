-- The events that the outbox may hold: what jobs and plugins can be called for.

-- As a set, of the workflows in these modules.
local function of(modules)
  local known = {}
  for _, module in ipairs(modules) do
    for _, event in ipairs(require(module):events()) do
      known[event] = true
    end
  end
  return known
end

return { of = of }
