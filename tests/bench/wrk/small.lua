-- A small POST that is matched, validated and answered.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"reason":"The patient cannot come"}'
