-- A lock held in a database, so that requests meet in the middle of what they do.

local eventually = require "support.eventually"
local process = require "support.process"

local lock = {}

local ASLEEP <const> = [[FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()]]

-- Takes it by this statement; database: of support/cluster.lua. lock.release gives it back.
function lock.hold(database, sql)
  process.start { "psql", "-X", "-q", "-d", database.url, "-c", ("BEGIN; %s; SELECT pg_sleep(60)"):format(sql) }
  eventually(function() return #database.query("SELECT 1 AS v " .. ASLEEP) == 1 end, { what = "the lock" })
end

-- Waits until so many statements wait for a lock.
function lock.await(database, n)
  eventually(function()
    return #database.query [[SELECT 1 AS v FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()]] == n
  end, { what = n .. " statements that wait" })
end

function lock.release(database) database.query("SELECT pg_terminate_backend(pid) AS v " .. ASLEEP) end

return lock
