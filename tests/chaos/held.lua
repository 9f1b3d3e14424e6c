-- Many idle connections, slow senders and clients that never read, while others are served.

local tools = require "chaos.tools"

-- size: idle, slow, deaf, seconds (of each measurement, longer than the server's head_timeout and
-- write_timeout), probe and feed (targets of the active and of the deaf clients).
local function run(clinic, size)
  local summary = tools.hammer("hold", clinic.port, {
    clients = 4, idle = size.idle, sources = 16, slow = size.slow, deaf = size.deaf, seconds = size.seconds,
    probe = size.probe, feed = size.feed or size.probe, timeout = 20000,
  })
  local faults = {}
  if summary.alive ~= size.idle then
    faults[#faults + 1] = ("%d of %d idle connections are alive"):format(summary.alive, size.idle)
  end
  for _, phase in ipairs { "quiet", "loaded" } do
    for status, n in pairs(summary[phase].status) do
      if status ~= "200" then faults[#faults + 1] = ("%s: %d answers of status %s"):format(phase, n, status) end
    end
    for why, n in pairs(summary[phase].lost) do
      faults[#faults + 1] = ("%s: %d connections lost: %s"):format(phase, n, why)
    end
  end
  if summary.slow_ended < size.slow then
    faults[#faults + 1] = ("%d of %d slow senders were cut off"):format(summary.slow_ended, size.slow)
  end
  -- A client that does not read learns of the end by a reset only; an orderly close would keep
  -- megabytes of answers in the kernel until it gives up.
  if summary.deaf_ended ~= size.deaf then
    faults[#faults + 1] = ("%d of %d clients that never read were cut off"):format(summary.deaf_ended, size.deaf)
  end
  if summary.loaded.latency_ms.n == 0 then faults[#faults + 1] = "nobody was served beside the slow ones" end
  return { alive = summary.alive, quiet = summary.quiet.latency_ms, loaded = summary.loaded.latency_ms,
           slow_ended = summary.slow_ended, deaf_ended = summary.deaf_ended, faults = faults }
end

return { run = run }
