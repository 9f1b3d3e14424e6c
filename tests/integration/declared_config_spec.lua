-- Keys of the configuration that scripts declare where they use them. How their values are read and what is
-- refused in detail: tests/c/test_app_declared.c.
local cluster = require "support.cluster"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local ROUTE <const> = [[
local config = require "mb.config"

local GREETING <const> = config.declare("test.greeting", {
  type = "word", default = "hello", words = { "hello", "howzit" }, help = "how people are greeted",
})

return { {
  method = "GET", path = "/greeting", summary = "a greeting", permission = "public",
  handler = function() return { greeting = GREETING, asked = config "test.greeting" } end,
} }
]]

-- A home with that route, changed.
local function home_with(from, to)
  local dir = home.with()
  paths.write(dir .. "/lua/routes/greeting.lua", from and ROUTE:gsub(from, to) or ROUTE)
  return dir
end

local function run(dir, words, env)
  local all = { MEDBOOKD_BIN = false, MEDBOOKD_HOME = dir, MEDBOOKD_DATA_DIR = temp.dir() }
  for k, v in pairs(env or {}) do all[k] = v end
  return process.run({ paths.binary(), table.unpack(words) }, { env = all, cwd = "/" })
end

describe("a key that a script declares", function()
  it("is listed with its meaning and its default, and with its value", function()
    local dir = home_with()
    local sample = run(dir, { "config" }).out
    assert.matches("\n# how people are greeted\n# hello|howzit\n#test.greeting = hello\n", sample, 1, true)
    local shown = run(dir, { "config", "--effective" }, { MEDBOOKD_TEST_GREETING = "howzit" })
    assert.matches("\ntest.greeting = howzit\n", shown.out, 1, true)
    assert.matches("\nbooking.expire_after = 1d\n", shown.out, 1, true)
  end)

  it("is refused by every command when it is misspelled or has another value", function()
    local dir = home_with()
    local file = temp.file("medbookd.conf", "# a comment\ntest.greting = howzit\n")
    for _, words in ipairs { { "run" }, { "check" }, { "config" }, { "migrate", "status" }, { "reload" } } do
      local result = run(dir, { words[1], words[2] or "--config", words[2] and "--config" or file, words[2] and file })
      assert.equal(1, result.code, words[1])
      assert.equal(("medbookd: %s:2: unknown key \"test.greting\"; did you mean test.greeting?\n"):format(file),
        result.err)
      local wrong = run(dir, words, { MEDBOOKD_TEST_GREETING = "moin" })
      assert.equal(1, wrong.code, words[1])
      assert.equal("medbookd: environment variable MEDBOOKD_TEST_GREETING: test.greeting cannot be \"moin\"; "
        .. "it must be hello|howzit\n", wrong.err)
    end
  end)

  it("is a fault of its script when the declaration is wrong", function()
    for change, complaint in pairs {
      ['"word"'] = "routes/greeting.lua:3:[%d:]* 'words' of 'test.greeting' is the list of a type \"word\"",
      ["default"] = "not with 'dflt'", ["%.greeting"] = "'http.max_body' is a key of the server itself",
    } do
      local to = ({ ['"word"'] = '"boolean"', default = "dflt", ["%.greeting"] = ".greeting" })[change]
      local dir = home_with(change, to)
      if change == "%.greeting" then dir = home_with("test%.greeting", "http.max_body") end
      local result = run(dir, { "check" })
      assert.equal(1, result.code)
      assert.matches(complaint, result.err)
    end
  end)

  describe("while the server runs", function()
    local app, dir

    setup(function()
      dir = home_with()
      app = server.start { database = cluster.fresh(), workers = 1,
                           env = { MEDBOOKD_HOME = dir, MEDBOOKD_TEST_GREETING = "howzit" } }
    end)

    local function reload(text)
      paths.write(dir .. "/lua/routes/greeting.lua", text)
      return app:command "reload"
    end

    local function greeting() return app:get("/greeting").json end

    it("has the value that was set", function()
      assert.same({ greeting = "howzit", asked = "howzit" }, greeting())
    end)

    it("changes with a reload, as long as what was set fits", function()
      assert.equal(0, reload((ROUTE:gsub('"howzit" }', '"howzit", "sawubona" }'))).code)
      assert.equal("howzit", greeting().greeting)
      local narrow = reload((ROUTE:gsub(', "howzit"', "")))
      assert.equal(1, narrow.code)
      assert.matches("MEDBOOKD_TEST_GREETING: test.greeting cannot be \"howzit\"; it must be hello\n", narrow.err, 1,
        true)
      local gone = reload "return {}\n"
      assert.equal(1, gone.code)
      assert.matches("MEDBOOKD_TEST_GREETING: no such key", gone.err, 1, true)
      assert.equal("howzit", greeting().greeting)
      local more = ROUTE:gsub("return", [[config.declare("test.more", {
        type = "integer", default = 1, least = 0, most = 9, help = "more",
      })
      return]], 1)
      assert.equal(0, reload(more).code)
    end)
  end)
end)
