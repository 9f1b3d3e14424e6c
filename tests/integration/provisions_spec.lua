-- Channels, calendars and places of plugins. What they do for the server is told by
-- tests/fixtures/provisions/provisions_spec.lua, which runs below.
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local FIXTURES <const> = paths.root .. "/tests/fixtures/provisions"

local function medbookd(words, env)
  local all = { TMPDIR = temp.dir(), MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = paths.root }
  for key, value in pairs(env or {}) do all[key] = value end
  return process.run({ paths.binary(), table.unpack(words) }, { env = all, within = 120 })
end

describe("what plugins provide", function()
  it("does for the server what it promises", function()
    local r = medbookd({ "test", FIXTURES .. "/provisions_spec.lua" },
      { MEDBOOKD_HOME = home.with "provisions/routes.lua", MEDBOOKD_PLUGINS_FOLDER = FIXTURES .. "/plugins" })
    assert.matches("10 successes / 0 failures / 0 errors", r.out, 1, true)
    assert.equal(0, r.code, r.err)
  end)

  for what, case in pairs {
    ["without its function"] = { [[places = { { name = "maps" } }]], "one of places needs 'search'" },
    ["with an unknown key"] = { [[places = { { name = "m", search = f, find = f } }]],
                                "unknown key 'find' of one of places" },
    ["under a bad name"] = { [[places = { { name = "A B", search = f } }]], "'A B' is no name of one of places" },
    ["that is no function"] = { [[places = { { name = "m", search = "x" } }]],
                                "'search' of one of places is a function" },
    ["of a kind that nothing asks for"] = { [[channels = { { name = "m", kind = "emial", send = f } }]],
                                           "there are no channels of kind 'emial' (did you mean 'email'?)" },
    ["without the capability"] = { [[calendars = { { name = "m", busy = f } }]],
                                   "'calendars' is used but not among the capabilities" },
  } do
    it("is refused " .. what, function()
      local dir = temp.dir()
      process.check { "mkdir", dir .. "/a.b" }
      paths.write(dir .. "/a.b/plugin.lua", ([[local function f() end
return { api = 1, name = "a.b", version = "1", capabilities = { "places", "channels" }, %s }, f]]):format(case[1]))
      local r = medbookd({ "check" }, { MEDBOOKD_PLUGINS_FOLDER = dir })
      assert.matches(case[2], r.err, 1, true)
    end)
  end
end)
