-- The checks of bodies, and of the texts in them, agree with oracles on thousands of random values.
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"

describe("a check of a body", function()
  for _, what in ipairs { "schema", "text" } do
    it(("says of a %s what a slow and obvious oracle says"):format(what), function()
      local dir = home.with("scripts/" .. what .. "_oracle.lua")
      local r = process.run({ paths.binary(), "check" },
        { env = { MEDBOOKD_HOME = dir, MEDBOOKD_RELOAD_LOAD_TIMEOUT = "60s" } })
      assert.equal(0, r.code, r.err)
    end)
  end
end)
