-- New scripts that fail too often: the server goes back to the ones before by itself, when it is told to.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

describe("reload.auto_rollback", function()
  local app, dir

  -- A route of this version, which does `body` for odd requests.
  local function write(version, body)
    paths.write(dir .. "/lua/routes/odd.lua", ([[
-- Fails for some.
local problem = require "mb.problem"
return { { method = "GET", path = "/odd/{n}", summary = "x", permission = "public", handler = function(req)
  if tonumber(req.params.n) %% 2 == 1 then
    %s
  end
  return problem and { version = %d }
end } }]]):format(body, version))
  end

  local function start(env)
    dir = home.with()
    write(1, "")
    env.MEDBOOKD_HOME = dir
    app = server.start { database = cluster.fresh(), env = env }
  end

  local function reload(version, body)
    write(version, body)
    local r = app:command "reload"
    assert.equal(0, r.code, r.err)
  end

  local function ask(count)
    for n = 1, count do app:get("/odd/" .. n) end
  end

  local function version() return app:get("/odd/2").json.version end
  -- Long enough for the supervisor, which looks ten times a second, to have judged what was asked.
  local function let_it_judge()
    local before = app:figure "medbookd_uptime_seconds"
    eventually(function() return app:figure "medbookd_uptime_seconds" > before + 0.3 end)
  end

  local ON <const> = { MEDBOOKD_RELOAD_AUTO_ROLLBACK = "20" }

  it("goes back when too many requests end in errors of Lua, and says so", function()
    start { MEDBOOKD_RELOAD_AUTO_ROLLBACK = "20" }
    reload(2, 'error "broken"')
    ask(60)
    eventually(function() return version() == 1 end)
    local line = app:await_line(function(it) return (it.msg or ""):find("going back to the ones before", 1, true) end)
    assert.equal("error", line.level)
    assert.matches("^%d+ of %d+ requests ended in an error of Lua or at a limit, more than reload.auto_rollback",
      line.why)
    assert.same({ 1, 1 }, { app:figure "medbookd_auto_rollbacks_total", app:figure "medbookd_rollbacks_total" })
  end)

  it("judges what is reloaded next anew, and never what it went back to", function()
    start { MEDBOOKD_RELOAD_AUTO_ROLLBACK = "20" }
    reload(2, 'error "broken"')
    ask(60)
    eventually(function() return version() == 1 end)
    assert.equal(0, app:command("rollback").code) -- somebody wants it: it stays
    ask(60)
    let_it_judge()
    assert.equal(2, version())
    reload(3, 'error "broken again"')
    ask(60)
    eventually(function() return version() == 2 end)
    assert.equal(2, app:figure "medbookd_auto_rollbacks_total")
  end)

  it("counts limits of processor time too", function()
    start { MEDBOOKD_RELOAD_AUTO_ROLLBACK = "20", MEDBOOKD_WORKER_SCRIPT_CPU = "5ms",
            MEDBOOKD_RELOAD_AUTO_ROLLBACK_REQUESTS = "10" }
    reload(2, "while true do end")
    ask(14)
    eventually(function() return version() == 1 end)
  end)

  -- A plugin that hooks on the route, before it.
  local function plugin(folder, handler)
    process.check { "mkdir", "-p", folder .. "/a.b" }
    paths.write(folder .. "/a.b/plugin.lua", ([[return { api = 1, name = "a.b", version = "1",
      capabilities = { "hooks" }, hooks = { { on = "GET /odd/{n}", when = "before", handler = function()
        %s
      end } } }]]):format(handler))
  end

  for what, handler in pairs { ["errors"] = 'error "broken"', ["limits"] = "while true do end" } do
    it("counts " .. what .. " of plugins too", function()
      local folder = temp.dir()
      plugin(folder, "")
      start { MEDBOOKD_RELOAD_AUTO_ROLLBACK = "20", MEDBOOKD_RELOAD_AUTO_ROLLBACK_REQUESTS = "10",
              MEDBOOKD_PLUGINS_FOLDER = folder, MEDBOOKD_PLUGINS_CPU = "5ms", MEDBOOKD_PLUGINS_MAX_KILLS = "0" }
      plugin(folder, handler)
      reload(2, "")
      ask(14)
      eventually(function()
        local it = app:get "/odd/2"
        return it.status == 200 and it.json.version == 1
      end)
      assert.equal(1, app:figure "medbookd_auto_rollbacks_total")
    end)
  end

  -- Each stays at what was reloaded: enough requests were answered for a verdict, had one been due.
  for what, case in pairs {
    ["does nothing unless it is set"] = { {}, 'error "broken"', 80 },
    ["waits for enough requests"] = { ON, 'error "broken"', 40 },
    ["does not count what a script answers"] = { ON, 'return problem(500, "mine", "on purpose")', 80 },
    ["does not count problems that a script raises"] = { ON, 'error(problem(503, "mine", "on purpose"))', 80 },
    ["bears fewer failures than that"] = { ON, 'if tonumber(req.params.n) < 20 then error "broken" end', 80 },
  } do
    it(what, function()
      local env = {}
      for key, value in pairs(case[1]) do env[key] = value end
      start(env)
      reload(2, case[2])
      ask(case[3])
      let_it_judge()
      assert.equal(2, version())
      assert.equal(0, app:figure "medbookd_auto_rollbacks_total")
    end)
  end
end)
