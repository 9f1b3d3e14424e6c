-- What one test does, no other sees: before each test, and before each describe and file, a mark is set to
-- which everything returns afterwards: the database, the clock, the answers of other servers. So what `setup`
-- does lasts for its describe, what `before_each` does for one test.
local host = require "medbookd.host"

local marks = {}
local keepers, states = {}, {}

-- keeper: { keep = function() return state end, restore = function(state) end }
function marks.add(keeper)
  keepers[#keepers + 1] = keeper
end

function marks.set()
  local state = {}
  for i, keeper in ipairs(keepers) do
    state[i] = keeper.keep()
  end
  states[#states + 1] = state
  host.mark()
end

function marks.return_to()
  host.take_back()
  local state = table.remove(states)
  for i, keeper in ipairs(keepers) do
    keeper.restore(state[i])
  end
end

-- After the last spec, which may have been left by an error.
function marks.finish()
  while #states > 0 do
    marks.return_to()
  end
end

return marks
