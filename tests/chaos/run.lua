-- The full campaigns against the real server, with progress and a table at the end:
--     lua5.4 tests/chaos/run.lua [rounds] [seed]     (./dev chaos)
-- rounds (500) is the number of races for one slot; the other campaigns keep their proportion to it.

dofile "tests/support/setup.lua"

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local held = require "chaos.held"
local kills = require "chaos.kills"
local lost_answers = require "chaos.lost_answers"
local native = require "support.native"
local provider_walk = require "chaos.provider_walk"
local proxied = require "chaos.proxied"
local races = require "chaos.races"
local reloads = require "chaos.reloads"
local home = require "support.home"
local hostile = require "chaos.hostile"
local scope = require "support.scope"
local server = require "support.server"

local rounds <const> = math.tointeger(tonumber(arg[1] or 500))
local seed <const> = math.tointeger(tonumber(arg[2] or os.time()))

local function share(n) return math.max(1, rounds * n // 500) end

local function progress(text, ...)
  io.write(("%s  "):format(os.date "%H:%M:%S"), text:format(...), "\n")
  io.flush()
end

local function latency(l)
  return l.n > 0 and ("p50 %.1f ms, p99 %.1f ms, max %.1f ms"):format(l.p50, l.p99, l.max) or "no latencies"
end

local function counts(t)
  local words = {}
  for word, n in pairs(t) do words[#words + 1] = ("%s=%d"):format(word, n) end
  table.sort(words)
  return table.concat(words, " ")
end

-- The clinic that the races share, on a database of its own.
local shared
local function clinic()
  shared = shared or clinics.start { database = cluster.fresh "demo" }
  return shared
end

local campaigns <const> = {
  { "same slot, 200 clients", function()
    local r = races.same_slot(clinic(), { clients = 200, rounds = rounds, seed = seed })
    return r, ("%d of %d rounds had exactly one 201; %s; %s"):format(r.single, r.rounds, counts(r.status),
      latency(r.latency_ms))
  end },
  { "overlapping slots, 64 clients", function()
    local r = races.overlapping(clinic(), { clients = 64, rounds = share(100), seed = seed })
    return r, ("%d bookings in %d rounds; %s; %s"):format(r.won, r.rounds, counts(r.status), latency(r.latency_ms))
  end },
  { "storm, 32 clients", function()
    local r = races.storm(clinic(), { clients = 32, operations = share(100000), groups = 8, seed = seed })
    return r, ("%d calls, %d booked, %d cancelled, %d booked again; %s"):format(
      r.operations, r.booked, r.cancelled, r.rebooked, latency(r.latency_ms))
  end },
  { "one key, 50 clients", function()
    local faults, answers = {}, 0
    for i, slot in ipairs(clinic():take_slots(share(50))) do
      local r = races.same_key(clinic(), { clients = 50, key = ("one-%d-%d"):format(seed, i), slot = slot })
      table.move(r.faults, 1, #r.faults, #faults + 1, faults)
      answers = answers + 50
    end
    return { faults = faults }, ("%d answers, one booking and one body per key"):format(answers)
  end },
  { "lost answers, database side", function()
    local site, proxy = proxied.database_side(seed)
    local r = lost_answers.database_side(site, proxy, { rounds = share(36), seed = seed })
    return r, ("%d connections broken, %d bookings, %d took a retry"):format(r.fired, r.bookings, r.retried)
  end },
  { "lost answers, client side", function()
    local proxy, port = proxied.client_side(clinic(), seed)
    local r = lost_answers.client_side(clinic(), proxy, port, { rounds = share(250), seed = seed })
    return r, ("%d connections broken, %d bookings, %d took a retry"):format(r.fired, r.bookings, r.retried)
  end },
  { "a walk of providers", function()
    local database = cluster.fresh "schema"
    local site = server.start { database = database, env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" } }
    local r = provider_walk.run(site, database.url, { steps = share(10000), providers = share(400), seed = seed })
    return r, ("%d steps of %d providers beside a model; %s"):format(r.steps, share(400), counts(r.outcomes))
  end },
  { "10,000 idle connections", function()
    local r = held.run(clinic(), { idle = 10000, slow = 0, deaf = 0, seconds = 5, probe = clinic():search(5) })
    return r, ("%d alive; before: %s; with them: %s"):format(r.alive, latency(r.quiet), latency(r.loaded))
  end },
  { "slow and deaf clients", function()
    local site = clinics.start { database = cluster.fresh "demo",
      env = { MEDBOOKD_HTTP_HEAD_TIMEOUT = "2s", MEDBOOKD_HTTP_WRITE_TIMEOUT = "1s" } }
    local r = held.run(site, { idle = 0, slow = 500, deaf = 20, seconds = 10, probe = site:search(5),
      feed = site:search(100) })
    return r, ("before: %d answers, %s; beside them: %d (%.2f), %s; %d slow and %d deaf ones ended"):format(
      r.quiet.n, latency(r.quiet), r.loaded.n, r.loaded.n / r.quiet.n, latency(r.loaded), r.slow_ended, r.deaf_ended)
  end },
  { "reloads, 64 clients", function()
    local dir = home.with()
    reloads.stamp(dir, 0)
    local app = server.start { database = cluster.fresh(), env = { MEDBOOKD_HOME = dir, MEDBOOKD_LOG_ACCESS = "false",
      MEDBOOKD_RELOAD_LOAD_TIMEOUT = "500ms", MEDBOOKD_WORKER_SCRIPT_MEMORY = "32MB" } }
    local early, count
    local r = reloads.run(app, dir, { clients = 64, reloads = share(1000), progress = function(i)
      count = i
      if i == share(100) then early = reloads.memory(app) end
    end })
    return r, ("%d good and %d broken reloads, %d answers; workers held %.1f MB after %d, %.1f MB after %d"):format(
      r.good, r.broken, r.answers, early / 1e6, share(100), reloads.memory(app) / 1e6, count)
  end },
  { "hostile plugins, 64 clients", function()
    local app = hostile.start()
    local before = hostile.beside_nothing(app, { clients = 64, seed = seed })
    local r = hostile.run(app, { clients = 64, rounds = share(5), seed = seed })
    return r, ("%d scripts contained, %d answers; before: %s; beside them: %s"):format(r.scripts, r.answers,
      latency(before), latency(r.latency_ms))
  end },
  { "kill -9 under load", function()
    local r = kills.run(clinics.start {}, { kills = share(100), seed = seed, label = "kill", clients = 64, groups = 40,
      progress = function(i, victim) progress("  kill %d: %s", i, victim) end })
    local words = {}
    for victim, f in pairs(r.figures) do
      words[#words + 1] = ("%s %d times, back after %.2f s (longest %.2f s)"):format(
        victim, f.kills, f.total / f.kills, f.longest)
    end
    table.sort(words)
    return r, ("%d booked, %d cancelled, %d retries; %s"):format(r.booked, r.cancelled, r.retries,
      table.concat(words, "; "))
  end },
}

local function run_one(name, action)
  progress("%s ...", name)
  local since = native.now()
  local ok, result, figure = xpcall(action, debug.traceback)
  if not ok then result, figure = { faults = { result } }, "did not finish" end
  for _, fault in ipairs(result.faults) do progress("  FAULT %s", fault) end
  return { name = name, figure = figure, seconds = native.now() - since, faults = #result.faults }
end

local function main()
  local lines, faults = {}, 0
  progress("chaos: %d rounds, seed %d", rounds, seed)
  for _, campaign in ipairs(campaigns) do
    local line = run_one(campaign[1], campaign[2])
    lines[#lines + 1], faults = line, faults + line.faults
  end
  print()
  for _, line in ipairs(lines) do
    print(("%-4s  %-30s %6.1f s  %s"):format(line.faults == 0 and "ok" or "FAIL", line.name, line.seconds, line.figure))
  end
  print(("seed %d: %d campaigns, %d faults"):format(seed, #lines, faults))
  return faults == 0
end

local ok, fine = xpcall(main, debug.traceback)
if not ok then io.stderr:write(fine, "\n") end
scope.close "file"
scope.close "suite"
os.exit(ok and fine)
