-- GET of one address, as many requests in one write as the first argument says.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"

local batch

function init(args)
  batch = wrk.format():rep(tonumber(args[1]))
end

function request()
  return batch
end
