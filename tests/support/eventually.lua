-- Waiting for a state instead of sleeping: polls until the condition holds, within a bound.

local native = require "support.native"

-- Calls `condition` until it returns something true, and returns that. Raises after `within`
-- seconds (default 40: a busy machine is slow, and what holds is not waited for) with `what` and the last
-- error of the condition; at once with what `unless`, if given, returns.
local function eventually(condition, options)
  options = options or {}
  local within, every = options.within or 40, options.every or 0.02
  local deadline = native.now() + within
  while true do
    local ok, value = pcall(condition)
    if ok and value then return value end
    local lost = options.unless and options.unless()
    if lost then error(lost, 2) end
    if native.now() >= deadline then
      local reason = ok and "it is " .. tostring(value) or tostring(value)
      error(("waited %g s for %s: %s"):format(within, options.what or "a condition", reason), 2)
    end
    native.sleep(every)
  end
end

return eventually
