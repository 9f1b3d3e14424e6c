-- Plugins: what they add, what they are told, and that nothing they do reaches beyond their own state.
local cluster = require "support.cluster"
local hostile = require "chaos.hostile"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"
local visit = require "support.visit"

local folder = hostile.folder

local function start(dir, env)
  local all = { MEDBOOKD_PLUGINS_FOLDER = dir }
  for key, value in pairs(env or {}) do all[key] = value end
  return server.start { database = cluster.fresh "demo", workers = 1, env = all }
end

local function plugin(app, name)
  for _, it in ipairs(app:admin("/v1/admin/plugins").json.plugins) do
    if it.name == name then return it end
  end
end

describe("a plugin", function()
  local app, dir

  setup(function()
    dir = folder "test.clinic"
    app = start(dir)
  end)

  it("answers its routes, validated, with its configuration's defaults", function()
    local answer = app:post("/v1/plugins/test.clinic/greet/Thandi", { loud = true })
    assert.equal(201, answer.status, answer.body)
    assert.equal('{"list":[],"text":"HELLO THANDI!"}', answer.body:gsub('^{"text":("[^"]*"),"list":%[%]}$',
      '{"list":[],"text":%1}'))
    local refused = app:post("/v1/plugins/test.clinic/greet/Thandi", { loud = "very" })
    assert.same({ 422, "validation_failed" }, { refused.status, refused.json.code })
  end)

  it("refuses with a problem", function()
    local answer = app:get "/v1/plugins/test.clinic/refuse"
    assert.same({ 409, "not_today", "come back tomorrow" }, { answer.status, answer.json.code, answer.json.detail })
  end)

  it("sees a booking before it is made and may refuse it, and hears of it afterwards", function()
    local refused = visit.book(app, "Nobody")
    assert.same({ 422, "guest_unknown" }, { refused.status, refused.json.code })
    local before = app:get("/v1/plugins/test.clinic/seen").json.seen
    assert.equal(201, visit.book(app, "Somebody").status)
    assert.equal(before + 1, app:get("/v1/plugins/test.clinic/seen").json.seen)
  end)

  it("is counted", function()
    local before = plugin(app, "test.clinic")
    app:get "/v1/plugins/test.clinic/seen"
    local after = plugin(app, "test.clinic")
    assert.equal(before.calls + 1, after.calls)
    assert.same({ "ACTIVE", 0, 0 }, { after.state, after.errors, after.kills })
    assert.is_true(after.memoryBytes > 10000 and after.cpuMilliseconds > 0)
    local function of(list, name)
      for _, it in ipairs(list.functions) do
        if it.name == name then return it end
      end
    end
    local seen = "GET /v1/plugins/test.clinic/seen"
    assert.equal(of(before, seen).calls + 1, of(after, seen).calls)
    assert.equal(0, of(after, seen).errors)
    assert.is_true(of(after, seen).cpuMilliseconds > of(before, seen).cpuMilliseconds)
    local taken = of(after, seen).allocatedBytes - of(before, seen).allocatedBytes
    assert.is_true(taken > 100 and taken < 100000, taken)
    assert.is_not_nil(of(after, "before POST /v1/bookings"))
    assert.equal(5, #after.functions)
  end)

  it("takes a configuration file, checked by its schema", function()
    paths.write(dir .. "/test.clinic/config.lua", "return { greeting = 'Sawubona' }")
    assert.equal(0, app:command("reload").code)
    assert.equal("Sawubona Thandi", app:post("/v1/plugins/test.clinic/greet/Thandi", {}).json.text)
    paths.write(dir .. "/test.clinic/config.lua", "return { greeting = 7, colour = 'red', times = 0 }")
    local r = app:command "reload"
    assert.equal(1, r.code)
    local faults = { "/colour is not a known field", "/greeting must be a string", "/times must be at least 1" }
    for _, text in ipairs(faults) do
      assert.matches("plugins/test.clinic/config.lua: " .. text, r.err, 1, true)
    end
  end)
end)

describe("the plugin of plugins/README.md", function()
  it("loads and does what is said of it", function()
    local text = paths.read(paths.root .. "/plugins/README.md"):match "clinic.hello/plugin.lua`\n\n```lua\n(.-)```"
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/clinic.hello" }
    paths.write(dir .. "/clinic.hello/plugin.lua", text)
    paths.write(dir .. "/clinic.hello/config.lua", "return { greeting = 'Sawubona' }")
    local app = start(dir)
    assert.equal("Sawubona Thandi", app:get("/v1/plugins/clinic.hello/greet/Thandi").json.text)
    assert.same({ "clinic.hello", "ACTIVE" }, { plugin(app, "clinic.hello").name, plugin(app, "clinic.hello").state })
  end)
end)

describe("a broken plugin", function()
  -- What `check` says of a plugin with this manifest.
  local function refusal(text, name)
    local dir = temp.dir()
    process.check { "mkdir", dir .. "/" .. (name or "a.b") }
    paths.write(("%s/%s/plugin.lua"):format(dir, name or "a.b"), text)
    local r = process.run({ paths.binary(), "check" }, { env = { MEDBOOKD_PLUGINS_FOLDER = dir } })
    assert.equal(1, r.code, r.out)
    return r.err
  end

  local HEAD <const> = "return { api = 1, name = 'a.b', version = '1', capabilities = {"

  for _, case in ipairs {
    { "is no Lua", "return {", "plugins/a.b/plugin.lua:1:1: " },
    { "raises", "error 'no'", "plugins/a.b/plugin.lua:1:1: no" },
    { "returns nothing", "return 1", "plugins/a.b/plugin.lua: returns a table, not a number" },
    { "takes too long to load", "while true do end",
      "plugins/a.b/plugin.lua:1:1: loading takes more processor time than reload.load_timeout" },
    { "takes too much memory to load", "local t = {} while true do t[#t + 1] = {} end",
      "plugins/a.b: not enough memory to load (plugins.memory)" },
    { "lacks keys", "return {}", "a manifest needs 'name'" },
    { "is of another version of the interface", "return { api = 2, name = 'a.b', version = '1', capabilities = {} }",
      "this server has api = 1, not 2" },
    { "is called otherwise than its folder", "return { api = 1, name = 'x', version = '1', capabilities = {} }",
      "the name 'x' is not that of its folder, 'a.b'" },
    { "misspells a key", HEAD .. "}, hoks = {} }", "unknown key 'hoks' of a manifest (did you mean 'hooks'?)" },
    { "uses what it does not declare", HEAD .. "}, hooks = {} }", "'hooks' is used but not among the capabilities" },
    { "declares what there is not", HEAD .. "'root'} }", "unknown capability 'root'" },
    { "hooks on no route", HEAD .. "'hooks'}, hooks = {\n{ on = 'GET /nowhere', when = 'before', handler = function() "
      .. "end } } }", "plugins/a.b/plugin.lua:2:9: there is no route 'GET /nowhere'" },
    { "takes a path that is not its own", HEAD .. "'routes'}, routes = { { method = 'GET', path = '/v1/slots', "
      .. "summary = 's', permission = 'public', handler = function() end } } }",
      "the path '/v1/slots' does not begin with /v1/plugins/a.b/" },
    { "asks for a global", "return { x = os }", "plugins/a.b/plugin.lua:1:14: undefined global 'os'" },
    { "asks for a module of the server", "require 'mb.db'", "module 'mb.db' not found" },
    { "reads its configuration too early", "require('medbookd').config()", "config() is known when handlers run" },
    { "nests for ever", "local t = {} t.t = t return t", "in a circle" },
  } do
    it(case[1] .. " and is refused with its place", function() assert.matches(case[3], refusal(case[2]), 1, true) end)
  end

  it("has no proper name and is refused", function()
    assert.matches("a plugin's name has at most 63 small letters", refusal("return {}", "Clinic"), 1, true)
  end)
end)

describe("a hostile plugin", function()
  local app

  setup(function() app = hostile.start() end)

  local function run(name) return app:get("/v1/plugins/test.hostile/run/" .. name) end

  it("is contained whatever it does, while others are answered", function()
    local r = hostile.run(app, { clients = 8, rounds = 1, seed = 1 })
    assert.same({}, r.faults)
    assert.is_true(#r.names >= 120 and r.scripts == #r.names)
    assert.is_true(r.answers > 0)
  end)

  it("is named in the log with line, limit and request", function()
    local id = run("ends_loop").json.requestId
    local line = app:await_line(function(it) return it.msg == "a plugin failed" and it.request == id end)
    assert.equal("test.hostile", line.plugin)
    assert.matches("^ended at plugins/test.hostile/corpus.lua:8: more than plugins.cpu %(30 ms", line.error)
  end)

  it("works again at the next call when its memory was out", function()
    for _ = 1, 4 do
      assert.is_true(run("memory_gsub_growing").status >= 500)
      assert.equal(200, run("plain_tostring").status)
    end
  end)

  it("reaches exactly what is listed", function()
    local found = table.concat(app:get("/v1/plugins/test.hostile/walk").json.found, "\n") .. "\n"
    assert.equal(paths.read(paths.root .. "/tests/fixtures/plugins/allowed.txt"), found)
  end)

  it("lets others run between its slices", function()
    local connection = app:connect()
    connection:send "GET /v1/plugins/test.hostile/run/ends_loop HTTP/1.1\r\nHost: x\r\n\r\n"
    assert.equal(200, app:get("/v1/plugins/test.clinic/seen").status)
    connection:close()
  end)
end)

describe("a plugin out of memory", function()
  it("is told which limit it met, and has its memory back in the next call", function()
    local app = hostile.start { MEDBOOKD_PLUGINS_CPU = "20s", MEDBOOKD_WORKER_HANG_TIMEOUT = "60s" } -- not met first
    for _, case in ipairs {
      { "memory_table", "plugins.memory (16777216" }, { "memory_text", "plugins.text (1048576" },
    } do
      local id = app:get("/v1/plugins/test.hostile/run/" .. case[1]).json.requestId
      local line = app:await_line(function(it) return it.msg == "a plugin failed" and it.request == id end)
      assert.matches("more than " .. case[2], line.error, 1, true)
    end
  end)
end)

describe("a plugin that breaks its limits again and again", function()
  it("is not called any more, and is again when an administrator says so", function()
    local app = start(folder "test.hostile", { MEDBOOKD_PLUGINS_MAX_KILLS = "3", MEDBOOKD_PLUGINS_CPU = "10ms" })
    local function run(name) return app:get("/v1/plugins/test.hostile/run/" .. name) end
    for _ = 1, 3 do assert.equal("plugin_limit", run("ends_loop").json.code) end
    assert.same({ 503, "plugin_quarantined" }, { run("plain_tostring").status, run("plain_tostring").json.code })
    assert.same({ "QUARANTINED", 3 }, { plugin(app, "test.hostile").state, plugin(app, "test.hostile").kills })
    assert.equal(0, app:command("reload").code)
    assert.equal(503, run("plain_tostring").status)
    local options = { port = app.admin_port }
    assert.equal(404, app:request("POST", "/v1/admin/plugins/none/release", options).status)
    assert.equal(404, app:request("POST", "/v1/admin/plugins/test.hostile/release").status)
    assert.equal(204, app:request("POST", "/v1/admin/plugins/test.hostile/release", options).status)
    assert.equal(200, run("plain_tostring").status)
  end)
end)
