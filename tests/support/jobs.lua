-- Servers with the jobs of tests/fixtures/jobs, and databases in which these note that they ran.

local cluster = require "support.cluster"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local server = require "support.server"

local TABLE <const> = "CREATE TABLE ran (kind text, job text, attempt int, word text, at timestamptz DEFAULT now())"

local jobs = {}

-- A home of its own with these jobs, a route that adds them, and more routes (support.home).
function jobs.home(...)
  local dir = home.with(...)
  process.check { "cp", "-r", paths.root .. "/tests/fixtures/jobs/.", dir .. "/lua/" }
  return dir
end

-- A fresh database with one row of each table, and the table `ran`.
function jobs.database()
  local database = cluster.fresh "schema"
  psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
  database.run(TABLE)
  return database
end

-- A server that looks for jobs often.
function jobs.start(database, dir, env)
  local all = { MEDBOOKD_HOME = dir, MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" }
  for key, value in pairs(env or {}) do all[key] = value end
  return server.start { database = database, workers = 1, env = all }
end

return jobs
