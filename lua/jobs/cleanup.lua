-- Takes away what has had its time: answers kept for repetitions, sessions, accounts that nobody verified, links of
-- mails, codes of sign-ins, attempts to sign in, codes of numbers, files that did not come in whole, values of plugins,
-- finished jobs, old events.
local cleanup = require "queries.cleanup"
local config = require "mb.config"
local db = require "mb.db"
local files = require "workflows.files"
local jobs = require "workflows.jobs"

local KEEP_JOBS <const> = config.declare("jobs.keep", {
  type = "duration", default = "7d", least = "1s", most = "365d",
  help = "how long a finished job is kept to be looked at",
})
local KEEP_EVENTS <const> = config.declare("outbox.keep", {
  type = "duration", default = "30d", least = "1s", most = "36500d",
  help = "how long an event is kept that every subscriber got",
})
local KEEP_UNVERIFIED <const> = config.declare("auth.unverified_keep", {
  type = "duration", default = "7d", least = "1min", most = "365d",
  help = "how long an account waits for its address to be verified; then it goes, unless something refers to it",
})
local KEEP_ATTEMPTS <const> = config.declare("auth.attempts_keep", {
  type = "duration", default = "90d", least = "1h", most = "3650d", help = "how long attempts to sign in are kept",
})
local KEEP_LINKS <const> = "7 days" -- after they have ended: who uses one late is told what became of it
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
    remove(cleanup.pending_accounts, KEEP_UNVERIFIED)
    remove(cleanup.verification_links, KEEP_LINKS)
    remove(cleanup.reset_links, KEEP_LINKS)
    remove(cleanup.sign_in_codes)
    remove(cleanup.login_attempts, KEEP_ATTEMPTS)
    remove(cleanup.contact_codes)
    remove(cleanup.contact_code_counts)
    remove(cleanup.files, files.IDLE)
    remove(cleanup.plugin_state)
    remove(cleanup.jobs, KEEP_JOBS)
    remove(cleanup.events, KEEP_EVENTS, jobs.subscribers())
  end,
}
