-- Start, stop, and what is between: the supervisor with its embedded PostgreSQL and workers.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local is_root <const> = native.uid() == 0

-- A start that must fail by itself: its exit code and what it said, line by line.
local function refused(options)
  options.wait = false
  local app = server.start(options)
  local how, code = app.process:wait(60)
  if not how then app:stop() end
  local lines = {}
  for line in app:log():gmatch "[^\n]+" do lines[#lines + 1] = line end
  return { how = how, code = code, lines = lines, last = lines[#lines] or "" }
end

local function assert_one_line(result, ...)
  assert.equal("exit", result.how)
  assert.not_equal(0, result.code)
  assert.equal(1, #result.lines, table.concat(result.lines, "\n"))
  assert.matches("^medbookd: ", result.last)
  for _, words in ipairs { ... } do assert.truthy(result.last:find(words, 1, true), result.last) end
end

local function is_alive(pid) return native.readlink(("/proc/%d/cwd"):format(pid)) ~= nil end

describe("the life of medbookd", function()
  local app

  setup(function() app = server.start { workers = 2, env = { MEDBOOKD_SHUTDOWN_TIMEOUT = "2s" } } end)

  local function sql(text)
    local result = process.check { "psql", "-XAtq", "-h", app.data_dir .. "/run", "-U", "medbookd", "-d", "medbookd",
                                   "-v", "ON_ERROR_STOP=1", "-c", text }
    return (result.out:gsub("%s+$", ""))
  end

  it("says where it listens, in its last line", function()
    local address <const> = "http://127%.0%.0%.1:"
    app:await_log("ready in [^\n]+\n", true)
    assert.matches(address .. app.port .. ", admin " .. address .. app.admin_port .. "\n$", app:log())
  end)

  it("makes a UTF8 cluster with checksums, in UTC, on a unix socket alone", function()
    assert.equal("UTF8", sql "SHOW server_encoding")
    assert.equal("C", sql "SELECT datcollate FROM pg_database WHERE datname = current_database()")
    assert.equal("on", sql "SHOW data_checksums")
    assert.equal("UTC", sql "SHOW timezone")
    assert.equal("", sql "SHOW listen_addresses")
  end)

  it("keeps the data folder and the secret key to one user", function()
    local stat = process.check { "stat", "-c", "%a %s", app.data_dir, app.data_dir .. "/secret.key" }
    local folder, key = stat.out:match "(%d+) %d+\n(%d+ %d+)\n"
    assert.equal("700", folder)
    assert.equal("600 32", key)
  end)

  it("runs everything but itself without the rights of root", function()
    if not is_root then return pending "not started as root" end
    for _, pid in ipairs(app:workers(true)) do
      local status = paths.read(("/proc/%d/status"):format(pid))
      assert.no.matches("\nUid:\t0\t", status)
      assert.matches("\nCapEff:\t0+\n", status)
      assert.matches("\nNoNewPrivs:\t1\n", status)
    end
  end)

  it("gives every child a session of its own", function()
    local own = paths.read(("/proc/%d/stat"):format(app.process.pid)):match "%) %a %d+ %d+ (%d+)"
    for _, pid in ipairs(app:workers(true)) do
      local session = paths.read(("/proc/%d/stat"):format(pid)):match "%) %a %d+ %d+ (%d+)"
      assert.not_equal(own, session)
    end
  end)

  it("keeps data and key over a second start", function()
    sql "CREATE TABLE lifecycle_mark AS SELECT 42 AS n"
    local key = paths.read(app.data_dir .. "/secret.key")
    local how, code = app:stop()
    assert.equal("exit", how)
    assert.equal(0, code)
    app:start()
    assert.equal("42", sql "SELECT n FROM lifecycle_mark")
    assert.equal(key, paths.read(app.data_dir .. "/secret.key"))
  end)

  it("lets migrations be looked at while it runs", function()
    local result = app:command("migrate", "status")
    assert.equal(0, result.code, result.err)
    assert.is_true(app.process:is_running())
  end)

  it("refuses a data folder in use and names the process", function()
    assert_one_line(refused { data_dir = app.data_dir }, app.data_dir, tostring(app.process.pid))
  end)

  it("refuses a busy port before it makes anything", function()
    local result = refused { port = app.port }
    assert_one_line(result, "127.0.0.1:" .. app.port, "listen")
    assert.equal(1, result.code)
  end)

  it("replaces a worker that was killed", function()
    local victim = app:workers()[1]
    app:signal("KILL", victim)
    eventually(function()
      local workers = app:workers()
      return #workers == 2 and workers[1] ~= victim and workers[2] ~= victim
    end)
    app:await_ready()
    app:await_log("worker ended.*signal 9", true)
  end)

  it("replaces a PostgreSQL that was killed", function()
    local victim = app:postmaster()
    app:signal("KILL", victim)
    eventually(function()
      local now = app:postmaster()
      return now and now ~= victim and sql "SELECT 1" == "1"
    end, { within = 30 })
    app:await_ready()
    assert.equal("42", sql "SELECT n FROM lifecycle_mark")
  end)

  it("goes on after SIGHUP", function()
    app:signal "HUP"
    app:await_log "the scripts have not changed"
    assert.is_true(app.process:is_running())
  end)

  it("takes its workers along when it is killed, and adopts PostgreSQL at the next start", function()
    local workers, postmaster = app:workers(), app:postmaster()
    app:kill()
    eventually(function() return not is_alive(workers[1]) and not is_alive(workers[2]) end)
    assert.is_true(is_alive(postmaster))
    app:start()
    assert.equal(postmaster, app:postmaster())
    assert.equal("42", sql "SELECT n FROM lifecycle_mark")
  end)

  it("replaces an adopted PostgreSQL too", function()
    local victim = app:postmaster()
    app:signal("KILL", victim)
    eventually(function()
      local now = app:postmaster()
      return now and now ~= victim and sql "SELECT 1" == "1"
    end, { within = 30 })
  end)

  it("keeps a command waiting for database.attach_timeout while its PostgreSQL is away", function()
    local postmaster = app:postmaster()
    app:signal "STOP"
    app:signal("KILL", postmaster)
    app.env.MEDBOOKD_DATABASE_ATTACH_TIMEOUT = "300ms"
    local result = app:command("jobs", "list")
    app.env.MEDBOOKD_DATABASE_ATTACH_TIMEOUT = nil
    app:signal "CONT"
    assert.equal(1, result.code)
    assert.matches("has not started it in 300 ms %(database%.attach_timeout%); see [^\n]+postgres%.log\n$", result.err)
    eventually(function() return app:postmaster() ~= postmaster and sql "SELECT 1" == "1" end, { within = 30 })
  end)

  it("starts again after supervisor and PostgreSQL were killed together", function()
    local postmaster = app:postmaster()
    app:kill()
    app:signal("KILL", postmaster)
    app:start()
    assert.equal("42", sql "SELECT n FROM lifecycle_mark")
  end)

  it("stops PostgreSQL last, and in order", function()
    local how, code = app:stop()
    assert.equal("exit", how)
    assert.equal(0, code)
    assert.is_nil(app:postmaster())
    assert.matches("database system is shut down%s*$", paths.read(app.data_dir .. "/postgres.log"))
  end)

  it("serves migrations by itself when nothing runs, and stops PostgreSQL after", function()
    local result = app:command("migrate", "status")
    assert.equal(0, result.code, result.err)
    assert.is_nil(app:postmaster())
  end)

  for damage, words in pairs {
    ["an emptied control file"] = { ": > postgres/global/pg_control", "pg_control" },
    ["a missing log of changes"] = { "rm postgres/pg_wal/0*", "checkpoint" },
    ["a missing version"] = { "rm postgres/PG_VERSION", "damaged" },
  } do
    it("refuses a cluster with " .. damage, function()
      local folder = temp.dir()
      local script = ('cp -a "%s" "%s/var" && cd "%s/var" && %s'):format(app.data_dir, folder, folder, words[1])
      process.check { "sh", "-c", script }
      assert_one_line(refused { data_dir = folder .. "/var" }, words[2])
    end)
  end
end)

describe("the watch over workers", function()
  local app

  setup(function()
    app = server.start { workers = 2, env = { MEDBOOKD_HOME = home.with "lifecycle/hang.lua",
                                              MEDBOOKD_WORKER_SCRIPT_CPU = "0",
                                              MEDBOOKD_WORKER_HANG_TIMEOUT = "1s",
                                              MEDBOOKD_SHUTDOWN_TIMEOUT = "1s" } }
  end)

  -- The line of the fixture with that comment.
  local function line_of(comment)
    local number = 0
    for line in io.lines(paths.root .. "/tests/fixtures/lifecycle/hang.lua") do
      number = number + 1
      if line:find("-- " .. comment, 1, true) then return number end
    end
  end

  for path, comment in pairs { ["/hang"] = "the C function", ["/spin"] = "the loop" } do
    it("ends and replaces one that hangs, and says by what: " .. comment, function()
      local before, client = app:workers(), app:connect()
      local id = "hang" .. path:gsub("/", "-")
      client:send(("GET %s HTTP/1.1\r\nHost: h\r\nX-Request-Id: %s\r\n\r\n"):format(path, id))
      local said = app:await_line(function(line) return line.request == id and line.at end)
      assert.same({ level = "error", msg = "this worker hangs; ending it",
                    at = "routes/hang.lua:" .. line_of(comment), runs = "GET " .. path,
                    limit = "worker.hang_timeout = 1000ms" },
                  { level = said.level, msg = said.msg, at = said.at, runs = said.runs, limit = said.limit })
      app:await_log("no heartbeat for %d+ ms %(worker%.hang_timeout%)", true)
      client:close()
      local workers
      eventually(function()
        workers = app:workers()
        return #workers == 2 and not (is_alive(before[1]) and is_alive(before[2]))
      end, { within = 30 })
      app:await_ready()
      -- The sibling lives on. Its number need not be the lower one: numbers wrap around.
      local old = { [before[1]] = true, [before[2]] = true }
      assert.is_true(old[workers[1]] or old[workers[2]])
    end)
  end

  it("leaves one alone that was stopped", function()
    local held = app:workers()[1]
    app:signal("STOP", held)
    native.sleep(2.5) -- more than twice the time-out: the watch must have looked and spared it
    assert.is_true(is_alive(held))
    app:signal("CONT", held)
    app:await_ready()
    assert.is_true(is_alive(held))
  end)

  it("stops in time although a worker is stopped", function()
    app:signal("STOP", app:workers()[1])
    local how, code = app:stop()
    assert.equal("exit", how)
    assert.equal(0, code)
  end)
end)

describe("an embedded PostgreSQL that does not end", function()
  it("is shut down at once after database.stop_timeout, and recovers", function()
    local app = server.start { workers = 1, env = { MEDBOOKD_DATABASE_STOP_TIMEOUT = "200ms" } }
    local checkpointer
    for _, pid in ipairs(process.children(app:postmaster())) do
      if paths.read(("/proc/%d/cmdline"):format(pid)):find("checkpointer", 1, true) then checkpointer = pid end
    end
    app:signal("STOP", checkpointer)
    assert.same({ "exit", 0 }, { app:stop() })
    assert.truthy(app:log():find("shutting down at once (database.stop_timeout)", 1, true), app:log())
    assert.is_nil(app:postmaster())
    app:restart()
    app:stop()
  end)
end)

describe("what a start refuses", function()
  it("an unknown key, by file and line", function()
    local file = temp.file("medbookd.conf", "# a comment\nhttp.max_boddy = 1MB\n")
    assert_one_line(refused { args = { "--config", file } }, file .. ":2", "http.max_boddy", "http.max_body")
  end)

  it("a value of the wrong type, by the name of its variable", function()
    assert_one_line(refused { env = { MEDBOOKD_WORKERS = "many" } }, "MEDBOOKD_WORKERS", "whole number")
  end)

  it("an address that is none", function()
    assert_one_line(refused { env = { MEDBOOKD_LISTEN = "here" } }, "MEDBOOKD_LISTEN", "here")
  end)

  -- Only where its sources are at hand can llhttp be compiled lax (tests/tools/CMakeLists.txt).
  if process.run({ "pkg-config", "--exists", "libllhttp" }).code ~= 0 then
    it("an HTTP parser that takes malformed requests", function()
      local folder = temp.dir()
      local result = process.run({ paths.build() .. "/tests/tools/medbookd_lax", "run" }, { cwd = folder,
        env = { MEDBOOKD_HOME = paths.root, MEDBOOKD_DATA_DIR = folder .. "/var", MEDBOOKD_DATABASE_URL = false } })
      assert.equal(1, result.code)
      assert.matches("^medbookd: HTTP parser: [^\n]+LLHTTP_STRICT_MODE=1\n$", result.err)
      assert.same({}, native.list(folder))
    end)
  end

  it("a folder without scripts", function()
    assert_one_line(refused { env = { MEDBOOKD_HOME = temp.dir() } }, "home", "lua/")
  end)

  it("a file where the data folder should be", function()
    assert_one_line(refused { data_dir = temp.file("var", "x") }, "MEDBOOKD_DATA_DIR", "folder")
  end)

  it("a data folder of somebody else", function()
    if not is_root then return pending "needs root" end
    local folder = temp.dir()
    process.check { "sh", "-c", ('touch "%s/x" && chown nobody "%s"'):format(folder, folder) }
    assert_one_line(refused { data_dir = folder, env = { MEDBOOKD_USER = "postgres" } }, folder, "nobody", "chown")
  end)

  it("a data folder that cannot be made", function()
    assert_one_line(refused { data_dir = "/proc/medbookd" }, "/proc/medbookd")
  end)

  it("a user that does not exist", function()
    assert_one_line(refused { env = { MEDBOOKD_USER = "no-such-user" } }, "MEDBOOKD_USER", "no-such-user")
  end)

  it("an address that is none, by file and line, also while it only looks", function()
    local file = temp.file("medbookd.conf", "# a comment\nadmin_listen = here\n")
    for _, command in ipairs { "run", "check", "config" } do
      local result = process.run({ paths.binary(), command, "--config", file }, { env = { MEDBOOKD_BIN = false } })
      assert.equal(1, result.code)
      assert.truthy(result.err:find(file .. ":2: admin_listen", 1, true), result.err)
    end
  end)

  it("scripts that do not load, with their file and line", function()
    local folder = home.with()
    paths.write(folder .. "/lua/routes/broken.lua", "return {\n  {{\n")
    local result = refused { env = { MEDBOOKD_HOME = folder } }
    assert.equal(78, result.code)
    assert.matches("routes/broken%.lua:%d+", table.concat(result.lines, "\n"))
  end)

  it("a script folder with a symbolic link", function()
    local folder = home.with()
    process.check { "ln", "-s", "/etc/passwd", folder .. "/lua/routes/link.lua" }
    assert_one_line(refused { env = { MEDBOOKD_HOME = folder } }, "routes/link.lua", "symbolic")
  end)
end)

describe("the command line", function()
  local function run(...)
    return process.run({ paths.binary(), ... }, { env = { MEDBOOKD_BIN = false } })
  end

  it("answers --version and --help on standard output", function()
    assert.matches("^medbookd %d+%.%d+%.%d+\n$", run("--version").out)
    assert.matches("^Usage: medbookd ", run("--help").out)
    for _, command in ipairs { "run", "check", "config", "migrate", "demo" } do
      local result = run(command, "--help")
      assert.equal(0, result.code)
      assert.matches("^Usage: medbookd " .. command, result.out)
    end
  end)

  for _, words in ipairs { { "serve" }, { "--port" }, { "migrate" }, { "migrate", "sideways" }, { "demo" },
                           { "config", "all" }, { "--set" }, { "migrate", "up", "x" } } do
    it("refuses \"" .. table.concat(words, " ") .. "\" with a hint and code 64", function()
      local result = run(table.unpack(words))
      assert.equal(64, result.code)
      assert.equal("", result.out)
      assert.matches("^medbookd: [^\n]*%-%-help\n$", result.err)
    end)
  end

  it("hides passwords in the values in force", function()
    for _, url in ipairs { "postgres://app:sesame@h/d", "host=h password=sesame user=app" } do
      local result = run("config", "--effective", "--set", "database.url=" .. url)
      assert.equal(0, result.code)
      assert.matches("\ndatabase%.url = [^\n]*%*%*%*", result.out)
      assert.is_nil(result.out:find("sesame", 1, true))
    end
  end)

  it("names the missing migrations of a database given by URL", function()
    local count = 0
    for _, name in ipairs(native.list(paths.root .. "/migrations")) do
      if name:match "^%d+_.*%.sql$" and not name:match "%.down%.sql$" or name:match "^R__" then count = count + 1 end
    end
    assert_one_line(refused { database = cluster.fresh "empty" }, count .. " migrations", "medbookd migrate up")
  end)
end)
