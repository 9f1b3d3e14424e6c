-- The seed of a test run: TEST_SEED repeats one, else it is new each time and stands in every message
-- of a failure.

local seed <const> = math.tointeger(tonumber(os.getenv "TEST_SEED" or os.time()))

-- Fails with every fault and the seed.
local function assert_no(faults)
  if #faults == 0 then return end
  local list = table.concat(faults, "\n")
  error(("%d faults (TEST_SEED=%d repeats the run's choices):\n%s"):format(#faults, seed, list), 2)
end

return { seed = seed, assert_no = assert_no }
