-- `./dev run` as a newcomer meets it: it ends with a served demo clinic and three curl lines that
-- work when pasted; Ctrl-C stops all; a second start has the same data.

local cjson = require "cjson"
local native = require "support.native"
local eventually = require "support.eventually"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local LAST_WORDS <const> = "Authorization: Bearer"

describe("./dev", function()
  local environment

  setup(function()
    environment = { MEDBOOKD_BIN = false, MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = false,
                    MEDBOOKD_LISTEN = "127.0.0.1:" .. native.free_port(),
                    MEDBOOKD_ADMIN_LISTEN = "127.0.0.1:" .. native.free_port(),
                    MEDBOOKD_DATA_DIR = temp.dir() .. "/var", MEDBOOKD_WORKERS = "1",
                    DEV_RELEASE = paths.build():match "/(strict)$" or false }
  end)

  -- From another folder, as the script must not depend on it.
  local function start(...)
    return process.start({ paths.root .. "/dev", ... }, { env = environment, cwd = "/", death_signal = "TERM" })
  end

  local function await_lines(child)
    eventually(function()
      return child:output():find(LAST_WORDS, 1, true) or not child:is_running()
    end, { within = 240, what = "the curl lines" })
    assert(child:is_running(), child:output())
  end

  -- What the three lines print when they are pasted into one shell, one JSON text each.
  local function paste(output)
    local script = { "set -e" }
    for line in output:gmatch "[^\n]+" do
      if line:match "^curl " or line:match "^booking=" then script[#script + 1] = line .. "; echo" end
    end
    local answers = {}
    local result = process.check({ "bash" }, { input = table.concat(script, "\n"), cwd = "/" })
    for line in result.out:gmatch "{[^\n]*" do answers[#answers + 1] = cjson.decode(line) end
    return answers
  end

  it("run ends with three curl lines that search, book and look", function()
    local child = start "run"
    await_lines(child)
    local found, booked, seen = table.unpack(paste(child:output()))
    assert.equal(3, #found.data)
    assert.equal(found.data[1].id, booked.slotId)
    assert.equal(booked.id, seen.id)
    assert.same({ "exit", 0 }, { child:stop(30, "INT") })
  end)

  it("run finds its data again, and offers another slot", function()
    local child = start "run"
    await_lines(child)
    local _, booked, seen = table.unpack(paste(child:output()))
    assert.equal(booked.id, seen.id)
    assert.same({ "exit", 0 }, { child:stop(30, "TERM") })
  end)

  it("run refuses an address that is taken, in one line", function()
    local child = start "run"
    await_lines(child)
    local second = start "run"
    assert.same({ "exit", 1 }, { second:wait(60) })
    assert.equal(("dev: another server answers at %s; stop it or set MEDBOOKD_LISTEN to another address\n")
      :format(environment.MEDBOOKD_LISTEN), second:output())
    assert.same({ "exit", 0 }, { child:stop(30) })
  end)

  it("help names every verb", function()
    local result = process.run({ "./dev", "help" }, { cwd = paths.root })
    assert.equal(0, result.code)
    for _, verb in ipairs { "run", "test", "build", "lint", "format", "asan", "fuzz", "chaos", "bench" } do
      assert.matches("\n  " .. verb .. " ", result.out)
    end
  end)

  it("refuses an unknown verb with exit code 2", function()
    assert.equal(2, process.run({ "./dev", "dance" }, { cwd = paths.root }).code)
  end)
end)
