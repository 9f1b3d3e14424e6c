-- Takes away what has had its time: answers kept for repetitions, sessions, values of plugins, finished jobs,
-- old events.
local cleanup = require "queries.cleanup"
local config = require "mb.config"
local db = require "mb.db"
local jobs = require "workflows.jobs"

local KEEP_JOBS <const> = config.declare("jobs.keep", {
  type = "duration", default = "7d", least = "1s", most = "365d",
  help = "how long a finished job is kept to be looked at",
})
local KEEP_EVENTS <const> = config.declare("outbox.keep", {
  type = "duration", default = "30d", least = "1s", most = "36500d",
  help = "how long an event is kept that every subscriber got",
})
local ROWS <const>, ROUNDS <const> = 1000, 50

-- The rest waits for the next time.
local function remove(statement, ...)
  local n = 0
  repeat
    local row = db.query(statement, ROWS, ...)[1]
    n = n + 1
  until row.removed < ROWS or n == ROUNDS
end

return {
  kind = "server.cleanup", every = "10min", max_attempts = 3,
  run = function()
    remove(cleanup.idempotency_keys)
    remove(cleanup.sessions)
    remove(cleanup.plugin_state)
    remove(cleanup.jobs, KEEP_JOBS)
    remove(cleanup.events, KEEP_EVENTS, jobs.subscribers())
  end,
}
