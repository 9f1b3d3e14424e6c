-- Reloads under load: clients ask the stamp of the scripts that answer them while good and broken
-- trees are loaded in turn. `faults` is empty when no request failed and none saw two generations.

local cjson = require "cjson"
local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local process = require "support.process"
local socket = require "socket"

local reloads = {}

-- What a good tree holds for the stamp: a query module and a route that compares itself to it.
function reloads.stamp(dir, number)
  paths.write(dir .. "/lua/queries/stamp.lua", ([[
local query = require "mb.query"
return { number = %d, wait = query.read("stamp.wait", "SELECT pg_sleep($1::integer / 1000.0)::text AS done") }
]]):format(number))
  paths.write(dir .. "/lua/routes/stamp.lua", ([[
local db = require "mb.db"
local stamp = require "queries.stamp"
local number <const> = %d
return {
  { method = "GET", path = "/stamp", permission = "public", summary = "Which scripts answer",
    query = { wait = { type = "integer", minimum = 0, maximum = 60000, default = 0 } },
    handler = function(req)
      local before = stamp.number
      db.query(stamp.wait, req.query.wait)
      return { before = before, after = stamp.number, route = number }
    end },
}
]]):format(number))
end

local function broken_route(text) return function(dir) paths.write(dir .. "/lua/routes/broken.lua", text) end end

-- Ways to break a tree, each with a part of what must be said about it.
reloads.breakages = {
  { "broken.lua:1:1: ", broken_route "return {" },
  { "broken.lua:2:1: it was raised", broken_route 'local why = "it was raised"\nerror(why)' },
  { "module 'queries.gone' not found", broken_route 'return require "queries.gone"' },
  { "broken", broken_route 'return { { method = "GET", path = "/broken", summary = "x", handler = print } }' },
  { "/stamp", broken_route [[return { { method = "GET", path = "/stamp", summary = "again", permission = "public",
      handler = function() return {} end } }]] },
  { "broken.lua:2:1: loading takes more processor time than reload.load_timeout",
    broken_route "local n = 0\nwhile true do n = n + 1 end" },
  { "undefined global 'nowhere'", broken_route "return nowhere" },
  { "not UTF-8", broken_route "return {} -- \xff" },
  { "routes/broken.lua: not enough memory to load (worker.script_memory)",
    broken_route 'local t = {} while true do t[#t + 1] = ("x"):rep(1 << 20) .. #t end' },
  { "symbolic links", function(dir)
    process.check { "ln", "-s", "/etc/hostname", dir .. "/lua/routes/broken.lua" }
  end },
}

local function mend(dir) os.remove(dir .. "/lua/routes/broken.lua") end

-- ---- clients ----

-- One connection that asks again as soon as it was answered.
local function ask(client)
  client.conn:send "GET /stamp HTTP/1.1\r\nHost: stamp\r\n\r\n"
end

local function note(seen, text) seen.faults[#seen.faults + 1] = text end

local function judge(client, answer, seen)
  if answer.status ~= 200 then return note(seen, ("%d %s"):format(answer.status, answer.body)) end
  local r = cjson.decode(answer.body)
  if r.before ~= r.after or r.before ~= r.route then note(seen, "two generations: " .. answer.body) end
  if r.route < client.newest then seen.older = seen.older + 1 end
  client.newest = r.route
  seen.stamps[r.route] = (seen.stamps[r.route] or 0) + 1
  seen.answers = seen.answers + 1
end

local function open_clients(port, n)
  local clients, by_socket, sockets = {}, {}, {}
  for i = 1, n do
    local client = { conn = assert(http.connect(port)), newest = 0 }
    clients[i], sockets[i] = client, client.conn.sock
    by_socket[client.conn.sock] = client
    ask(client)
  end
  return { list = clients, by_socket = by_socket, sockets = sockets }
end

-- Serves whoever was answered, once round.
local function turn(clients, seen)
  for _, sock in ipairs((socket.select(clients.sockets, nil, 0.02))) do
    local client = clients.by_socket[sock]
    local fine, answer = pcall(client.conn.read, client.conn, "GET")
    if not fine then
      note(seen, "a connection broke: " .. tostring(answer))
      error(seen.faults[#seen.faults], 0)
    end
    judge(client, answer, seen)
    ask(client)
  end
end

-- ---- reloads ----

local function start_reload(app)
  local log = app.dir .. "/reload.log"
  os.remove(log)
  return process.start({ app.binary, "reload" }, { env = app.env, cwd = app.dir, log = log }), log
end

-- Loads the tree while the clients go on; returns the exit code and what was printed.
local function reload(app, clients, seen)
  local child, log = start_reload(app)
  while child:is_running() do turn(clients, seen) end
  local _, code = child:wait(1)
  return code, paths.read(log)
end

-- size: clients, reloads (every second one is broken), progress(n), optional. The home is the test's
-- own. Returns answers, good, broken and faults.
function reloads.run(app, dir, size)
  local seen = { answers = 0, older = 0, stamps = {}, faults = {}, good = 0, broken = 0 }
  local clients = open_clients(app.port, size.clients)
  for i = 1, size.reloads do
    local breakage = i % 2 == 0 and reloads.breakages[i // 2 % #reloads.breakages + 1]
    reloads.stamp(dir, i)
    if breakage then breakage[2](dir) end
    local code, said = reload(app, clients, seen)
    local is_wrong = (code == 0) == (breakage ~= false)
    if is_wrong then note(seen, ("reload %d ended with %s: %s"):format(i, code, said)) end
    if breakage and not said:find(breakage[1], 1, true) then note(seen, breakage[1] .. " is not told: " .. said) end
    if breakage then seen.broken = seen.broken + 1 else seen.good = seen.good + 1 end
    mend(dir)
    turn(clients, seen)
    if size.progress then size.progress(i) end
  end
  for _, client in ipairs(clients.list) do client.conn:close() end
  return seen
end

-- Resident bytes of all workers.
function reloads.memory(app)
  local sum = 0
  for _, pid in ipairs(app:workers()) do
    sum = sum + tonumber(paths.read(("/proc/%d/statm"):format(pid)):match "^%d+ (%d+)") * 4096
  end
  return sum
end

function reloads.await_generations(app, most)
  eventually(function()
    for n in app:admin("/metrics").body:gmatch '\nmedbookd_generations{worker="%w+"} (%d+)' do
      if tonumber(n) > most then return false end
    end
    return true
  end, { what = "no worker to hold more than " .. most .. " generations" })
end

return reloads
