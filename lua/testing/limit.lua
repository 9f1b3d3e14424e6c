-- Whatever a spec runs has test.timeout: the function that each element of busted (a file, a describe, a test, a
-- setup …) was given, and that which a test gave to `finally`.
local host = require "medbookd.host"

local function name_of(element)
  local at = element.trace and ("%s:%d: "):format(element.trace.short_src, element.trace.currentline) or ""
  local name = type(element.name) == "string" and (" '%s'"):format(element.name) or ""
  return at .. element.descriptor .. name
end

-- busted runs everything by `safe`: its own functions as well, with all that these call, which have no limit.
local function limit(busted)
  local safe = busted.safe
  function busted.safe(descriptor, run, element)
    local is_own = run ~= element.run and descriptor ~= "finally"
    local limited = is_own and run or function() return host.within(name_of(element), run) end
    return safe(descriptor, limited, element)
  end
  return busted
end

-- To be called before busted's runner is loaded, which makes its core of this.
return function()
  local make = require "busted.core"
  package.loaded["busted.core"] = function() return limit(make()) end
end
