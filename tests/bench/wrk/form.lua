-- A POST of five fields that is matched, validated and answered.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"name":"Thandi","email":"thandi@example.org","minutes":30,"online":true,"tags":["a","b"]}'
