-- The corpus of tests/fixtures/plugins/test.hostile while ordinary clients are served: each of its scripts has
-- to end as its name says, inside its own state, and everybody else has to be answered.

local cluster = require "support.cluster"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"
local tools = require "chaos.tools"

-- Status and code by the first word of a script's name; true: any.
local EXPECTED <const> = {
  ends = { [503] = "plugin_limit" },
  memory = { [503] = "plugin_limit", [500] = "plugin_failed" },
  fails = { [500] = "plugin_failed" },
  plain = { [200] = true },
}

-- A folder with these plugins of tests/fixtures/plugins.
local function folder(...)
  local dir = temp.dir()
  for _, name in ipairs { ... } do
    process.check { "cp", "-r", paths.root .. "/tests/fixtures/plugins/" .. name, dir }
  end
  return dir
end

-- A server with the corpus and one well-behaved plugin; none of them is put into quarantine.
local function start(env)
  local all = {
    MEDBOOKD_PLUGINS_FOLDER = folder("test.hostile", "test.clinic"), MEDBOOKD_PLUGINS_MAX_KILLS = "0",
    MEDBOOKD_WORKER_HANG_TIMEOUT = "5s", MEDBOOKD_PLUGINS_CPU = "30ms",
  }
  for key, value in pairs(env or {}) do all[key] = value end
  return server.start { database = cluster.fresh "demo", workers = 1, env = all }
end

-- nil, or how it ended otherwise than its name says.
local function run_one(app, name)
  local answer = app:get("/v1/plugins/test.hostile/run/" .. name, { timeout = 60 })
  local expected = EXPECTED[name:match "^%l+"][answer.status]
  local code = answer.status >= 400 and answer.json and answer.json.code
  if not expected or expected ~= true and expected ~= code then
    return ("%s: %d %s"):format(name, answer.status, answer.body)
  end
end

local function count_wrong(load, faults)
  local summary, answers = load.finish(), 0
  for status, n in pairs(summary.status) do
    answers = answers + n
    if status ~= "200" then faults[#faults + 1] = ("%d answers of status %s beside them"):format(n, status) end
  end
  if summary.unanswered > 0 then faults[#faults + 1] = summary.unanswered .. " calls without an answer" end
  if summary.anomalies > 0 then faults[#faults + 1] = summary.complaints end
  return answers, summary.latency_ms
end

-- What hammer is told to send.
local function asking(size)
  local slots = temp.dir() .. "/slots" -- nobody books
  paths.write(slots, "none\n")
  return {
    clients = size.clients, seed = size.seed, timeout = 30000, weights = "0,0,0,1", slots = slots,
    search = "/v1/plugins/test.clinic/seen",
  }
end

-- How the clients are served while no script runs: latency_ms.
local function beside_nothing(app, size)
  local options = asking(size)
  options.seconds = 5
  return tools.hammer("storm", app.port, options).latency_ms
end

-- size: clients, rounds (of the whole corpus), seed. Returns scripts (how many ran), answers (to the clients),
-- latency_ms (theirs) and faults.
local function run(app, size)
  local faults, scripts = {}, 0
  local workers = app:workers()
  local names = app:get("/v1/plugins/test.hostile/names").json.names
  local load = tools.start_hammer("storm", app.port, asking(size))
  for _ = 1, size.rounds do
    for _, name in ipairs(names) do
      faults[#faults + 1] = run_one(app, name)
      scripts = scripts + 1
    end
  end
  local answers, latency = count_wrong(load, faults)
  local restarts = app:figure "medbookd_worker_restarts_total"
  if restarts ~= 0 then faults[#faults + 1] = restarts .. " restarts of workers" end
  local same = table.concat(workers, " ") == table.concat(app:workers(), " ")
  if not same then faults[#faults + 1] = "the workers are others" end
  return { scripts = scripts, names = names, answers = answers, latency_ms = latency, faults = faults }
end

return { start = start, run = run, beside_nothing = beside_nothing, folder = folder }
