-- Slot searches: the targets stand in the file named by the first argument, one a line; they are
-- asked in turn.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"

local requests, at = {}, 0

function init(args)
  for target in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", target)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
