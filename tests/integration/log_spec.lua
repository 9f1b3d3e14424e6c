-- A log that nobody reads holds up nothing, and is bounded; PostgreSQL's own too.
local eventually = require "support.eventually"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local PIPE <const>, LOG_SIZE <const> = 64 * 1024, 64 * 1024
local LONG_PATH <const> = "/v1/" .. ("a"):rep(4000)
local NOTICE <const> = 'nobody read them" lines=(%d+)\n'

-- Until the pipe takes no byte more.
local function fill(fifo)
  process.run { "dd", "if=/dev/zero", "of=" .. fifo, "oflag=nonblock", "bs=4096", "count=" .. 2 * PIPE // 4096 }
end

describe("a log that nobody reads", function()
  local app, fifo, held, copy, reader

  -- The pipe is full from before the first line on, and the test holds it open.
  setup(function()
    app = server.make { workers = 2, env = { MEDBOOKD_LOG_BUFFER = "64KB", MEDBOOKD_DATABASE_LOG_SIZE = "64KB",
                                             MEDBOOKD_LOG_LEVEL = "debug" } }
    fifo, copy = app.log_file, app.dir .. "/copy"
    process.check { "mkfifo", fifo }
    held = assert(io.open(fifo, "r+"))
    fill(fifo)
    app.options.wait = false
    app:start()
    app.process.log = "/dev/null" -- what a failure shows; nobody reads the pipe
    eventually(function() return app:get("/readyz").status == 200 end, { within = 60 })
  end)

  teardown(function() held:close() end)

  local function dropped()
    local sum = 0
    for n in app:admin("/metrics").body:gmatch 'medbookd_log_dropped_lines_total{worker="[%w]+"} (%d+)' do
      sum = sum + tonumber(n)
    end
    return sum
  end

  it("holds up no request, and what it lost is counted", function()
    for _ = 1, 60 do assert.equal(404, app:get(LONG_PATH).status) end
    assert.same({ 200, 200 }, { app:get("/livez").status, app:admin("/livez").status })
    -- A busy machine may keep a worker from its database for a moment, and that is said.
    eventually(function() return app:get("/readyz").status == 200 and app:admin("/readyz").status == 200 end)
    assert.is_true(dropped() > 0)
  end)

  it("tells how many lines are missing once it is read", function()
    local lost = dropped()
    reader = process.start({ "cat", fifo }, { stdout = copy, stderr = app.dir .. "/cat.err" })
    eventually(function()
      local told = 0
      for n in paths.read(copy):gmatch(NOTICE) do told = told + tonumber(n) end
      return told >= lost
    end, { within = 60 })
    eventually(function()
      app:get "/v1/afterwards"
      return paths.read(copy):find("/v1/afterwards", 1, true)
    end, { within = 60 })
  end)

  it("is not PostgreSQL's, which is put aside while it runs, and bounded", function()
    local function size(name) return #paths.read(app.data_dir .. "/" .. name) end
    local function write_lines(n, text)
      process.check { "psql", "-XAtq", "-h", app.data_dir .. "/run", "-U", "medbookd", "-d", "medbookd", "-c",
                      ("DO $$ BEGIN FOR i IN 1..%d LOOP RAISE LOG '%%', '%s'; END LOOP; END $$"):format(n, text) }
    end
    write_lines(1000, ("x"):rep(500))
    eventually(function() return size "postgres.log" <= LOG_SIZE and size "postgres.log.1" > 0 end, { within = 60 })
    assert.is_true(size "postgres.log.1" <= 2 * LOG_SIZE + 32 * 1024) -- and a piece of the copy
    write_lines(1, "afterwards")
    assert.matches("LOG:  afterwards", paths.read(app.data_dir .. "/postgres.log"), 1, true)
    assert.equal("600\n", process.check({ "stat", "-c", "%a", app.data_dir .. "/postgres.log.1" }).out)
  end)

  it("does not keep the server from ending", function()
    reader:stop()
    fill(fifo)
    assert.same({ "exit", 0 }, { app:stop() })
  end)
end)
