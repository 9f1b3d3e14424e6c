-- GET of one address, over and over.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally"
