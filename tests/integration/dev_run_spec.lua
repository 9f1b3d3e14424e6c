-- `./dev run` as a newcomer meets it: it ends with a served demo clinic and three curl lines that
-- work when pasted; Ctrl-C stops all; a second start has the same data and loads nothing.

local cjson = require "cjson"
local http = require "support.http"
local native = require "support.native"
local eventually = require "support.eventually"
local paths = require "support.paths"
local process = require "support.process"
local socket = require "socket"
local temp = require "support.temp"

local LAST_WORDS <const> = "Authorization: Bearer"

describe("./dev", function()
  local environment, data, first -- first: the booking of the first start

  setup(function()
    data = temp.dir() .. "/var"
    environment = { MEDBOOKD_BIN = false, MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = false,
                    MEDBOOKD_LISTEN = "127.0.0.1:" .. native.free_port(),
                    MEDBOOKD_ADMIN_LISTEN = "127.0.0.1:" .. native.free_port(),
                    MEDBOOKD_DATA_DIR = false, MEDBOOKD_WORKERS = "1",
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
    local result = process.check({ "sh" }, { input = table.concat(script, "\n"), cwd = "/" })
    for line in result.out:gmatch "{[^\n]*" do answers[#answers + 1] = cjson.decode(line) end
    return answers
  end

  local function look(booking)
    local port = tonumber(environment.MEDBOOKD_LISTEN:match "%d+$")
    return http.request("GET", "/v1/bookings/" .. booking.id,
      { port = port, headers = { Authorization = "Bearer " .. booking.manageToken } }).json
  end

  -- The logins as printed, each tried where the text says, with what it says: the roles that they are.
  local function sign_in(output)
    local method, address, target = output:match "\nDemo logins %((%u+) http://([^/]+)(/%S+)%):\n"
    assert.equal(environment.MEDBOOKD_LISTEN, address)
    local port, roles = tonumber(address:match "%d+$"), {}
    for email, password, who in output:gmatch "\n    (%S+@%S+) / (%S+)   %(([^\n]+)%)" do
      local response = http.request(method, target, { port = port, body = { email = email, password = password } })
      assert.equal(200, response.status, email .. ": " .. response.body)
      local me = http.request("GET", "/v1/me", { port = port,
        headers = { Authorization = "Bearer " .. response.json.token } }).json
      assert.equal(email, me.email)
      roles[#roles + 1] = ("%s: %s%s"):format(who, me.role, me.providerId ~= http.null and ", provider" or "")
    end
    return roles
  end

  it("run says how far it is, and prints logins that work as they stand", function()
    local child = start("run", "--set", "data_dir=" .. data)
    await_lines(child)
    local output = child:output()
    assert.matches("^==> starting medbookd, its database and the demo clinic\n", output)
    local files, loaded = {}, {}
    for _, folder in ipairs { "migrations/reference", "examples/demo-clinic" } do
      local names = native.list(paths.root .. "/" .. folder)
      table.sort(names)
      for _, file in ipairs(names) do files[#files + 1] = file:match "^.*%.sql$" end
    end
    for file in output:gmatch "\ndemo: ([%w_]+%.sql)" do loaded[#loaded + 1] = file end
    assert.same(files, loaded)
    assert.matches("\ndemo: %d+ slots cut from %d+ offers of time and service\n.*\nmedbookd is ready: http://",
      output)
    assert.same({ "platform administrator: SUPER_ADMIN", "owner of Umoya Family Health: USER",
                  "provider: USER, provider", "patient: USER" }, sign_in(output))
    assert.same({ "exit", 0 }, { child:stop(30, "INT") })
  end)

  it("run ends with three curl lines that search, book and look", function()
    local child = start("run", "--set", "data_dir=" .. data)
    await_lines(child)
    assert.truthy(child:output():find("Data: " .. data .. "/\n", 1, true))
    local found, booked, seen = table.unpack(paste(child:output()))
    assert.equal(3, #found.data)
    assert.equal(found.data[1].id, booked.slotId)
    assert.equal(booked.id, seen.id)
    first = booked
    assert.same({ "exit", 0 }, { child:stop(30, "INT") })
    assert.is_nil(io.open(data .. "/postgres/postmaster.pid")) -- the database has ended too
  end)

  it("run loads nothing a second time, and keeps the booking", function()
    local child = start("run", "--set", "data_dir=" .. data)
    await_lines(child)
    assert.matches("\ndemo: all thirty days are there already\n", child:output())
    assert.is_nil(child:output():find("slots cut", 1, true))
    assert.equal(first.id, look(first).id)
    local _, booked = table.unpack(paste(child:output()))
    assert.not_equal(first.slotId, booked.slotId)
    assert.same({ "exit", 0 }, { child:stop(30, "TERM") })
  end)

  it("run refuses an address that any program has taken, in one line and before it builds", function()
    for _, name in ipairs { "MEDBOOKD_LISTEN", "MEDBOOKD_ADMIN_LISTEN" } do
      local host, port = environment[name]:match "^(.*):(%d+)$"
      local listener = assert(socket.bind(host, tonumber(port)))
      local child = start "run"
      assert.same({ "exit", 1 }, { child:wait(60) })
      assert.equal(("dev: %s is taken by another program; stop it or set %s to another address\n")
        :format(environment[name], name), child:output())
      listener:close()
    end
  end)

  -- Stand-ins for the programs that it asks: nothing is installed, and this user may not change that.
  it("says in one line which packages are missing", function()
    local folder = temp.dir()
    for name, text in pairs { ["dpkg-query"] = "exit 0", id = "echo 1000", sudo = "exit 1" } do
      paths.write(folder .. "/" .. name, "#!/bin/sh\n" .. text .. "\n")
      process.check { "chmod", "755", folder .. "/" .. name }
    end
    local result = process.run({ "./dev", "build" }, { cwd = paths.root,
      env = { PATH = folder .. ":" .. os.getenv "PATH" } })
    assert.equal(1, result.code)
    assert.matches("^dev: packages are missing [^\n]*; as root run: apt%-get install gcc [^|\n]* curl\n$",
      result.out .. result.err)
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
