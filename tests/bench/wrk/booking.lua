-- Guest bookings of the numbered slots of the bench, each once.
package.path = os.getenv("BENCH_WRK") .. "/?.lua;" .. package.path
require "tally".want(201)

local BODY = '{"slotId":"cslot%020d","guestName":"Bench Guest","guestEmail":"guest%d@example.org"}'

local slot = 0

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"

function request()
  slot = slot + 1
  return wrk.format(nil, nil, nil, BODY:format(slot, slot))
end
