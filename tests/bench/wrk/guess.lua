-- Guesses passwords, from one address, each guess against another account; any refusal is what is wanted.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"

local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Forwarded-For"] = "203.0.113.7"

function setup(t) t:set("bad", 0) end

function request()
  n = n + 1
  return wrk.format(nil, nil, nil, ('{"email":"victim%d@people.example","password":"guess %d"}'):format(n % 1000, n))
end

function done(summary, latency)
  io.write(string.format("bench-result %d 0 %.1f %.3f\n", summary.requests, summary.requests / (summary.duration / 1e6),
    latency:percentile(99) / 1000))
end
