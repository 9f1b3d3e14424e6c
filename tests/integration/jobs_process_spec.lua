-- The process beside the workers that does what no request waits for: supervised as they are, with the
-- same scripts.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local reloads = require "chaos.reloads"
local psql = require "support.psql"
local server = require "support.server"

describe("the jobs process", function()
  local app, dir

  local function start(env)
    dir = home.with()
    reloads.stamp(dir, 1)
    local all = { MEDBOOKD_HOME = dir }
    for key, value in pairs(env or {}) do all[key] = value end
    app = server.start { database = cluster.fresh(), workers = 1, env = all }
    return eventually(function() return app:jobs() end)
  end

  local function metric(pattern) return app:admin("/metrics").body:match("\nmedbookd_" .. pattern .. " (%d+)") end

  it("is started again when it is killed", function()
    local first = start()
    app:signal("KILL", first)
    local second = eventually(function()
      local pid = app:jobs()
      return pid and pid ~= first and pid
    end)
    assert.not_equal(first, second)
    assert.equal("1", metric "worker_restarts_total")
    assert.equal(200, app:get("/livez").status)
  end)

  it("is told from the workers by the name of its connections", function()
    start()
    eventually(function()
      return psql.value(app.options.database.url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
        .. "'medbookd jobs' AND datname = current_database()") == "1"
    end)
  end)

  it("is a member of a reload, and builds what serves when it starts after it", function()
    local first = start()
    eventually(function() return metric 'generations{worker="jobs"}' == "1" end)
    reloads.stamp(dir, 2)
    assert.equal(0, app:command("reload").code)
    assert.equal("2", metric 'generations{worker="jobs"}')
    app:signal("KILL", first)
    eventually(function() return app:jobs() ~= first and metric 'generations{worker="jobs"}' == "1" end)
  end)

  it("holds a reload up while it is stopped, and lets it through afterwards", function()
    local pid = start { MEDBOOKD_RELOAD_LOAD_TIMEOUT = "1s", MEDBOOKD_RELOAD_DRAIN_TIMEOUT = "0ms" }
    eventually(function() return metric 'generations{worker="jobs"}' == "1" end)
    app:signal("STOP", pid)
    reloads.stamp(dir, 2)
    local r = app:command "reload"
    app:signal("CONT", pid)
    assert.equal(1, r.code)
    assert.matches("worker jobs did not build the scripts in time", r.err, 1, true)
    assert.equal(1, app:get("/stamp").json.route)
    eventually(function() return app:command("reload").code == 0 end)
    assert.equal(2, app:get("/stamp").json.route)
  end)

  it("uses the embedded database, where `medbookd jobs` looks while the server runs", function()
    local embedded = server.start { workers = 1 }
    local listed = embedded:command("jobs", "list")
    assert.equal(0, listed.code, listed.err)
    local r = embedded:command("jobs", "show", "nope")
    assert.equal(1, r.code)
    assert.matches("there is no job nope", r.err, 1, true)
    assert.same({ "exit", 0 }, { embedded:stop() })
  end)

  it("ends with the server", function()
    local pid = start()
    assert.same({ "exit", 0 }, { app:stop() })
    assert.is_nil(io.open(("/proc/%d/stat"):format(pid)))
  end)
end)
