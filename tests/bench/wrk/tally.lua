-- What every load script shares: it counts the answers that were not wanted and prints one line
-- that lib/load.sh reads. LuaJIT inside wrk runs this.
local tally = {}

local thread

function setup(t)
  thread = t
  t:set("bad", 0)
end

-- The status every answer must have; the callback costs the load generator time, so scripts that
-- stress the server leave it away and rely on wrk's own count of answers over 399.
function tally.want(status)
  bad = 0
  function response(got)
    if got ~= status then
      bad = bad + 1
    end
  end
end

function done(summary, latency)
  local e = summary.errors
  local unwanted = math.max(thread:get("bad"), e.status)
  io.write(string.format("bench-result %d %d %.1f %.3f\n", summary.requests,
    unwanted + e.connect + e.read + e.write + e.timeout,
    summary.requests / (summary.duration / 1e6), latency:percentile(99) / 1000))
end

return tally
