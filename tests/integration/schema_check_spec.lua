-- The checks of bodies agree with an oracle on thousands of random schemas and values.
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"

describe("a check of a body", function()
  it("says what a slow and obvious oracle says", function()
    local dir = home.with "scripts/schema_oracle.lua"
    local r = process.run({ paths.binary(), "check" },
      { env = { MEDBOOKD_HOME = dir, MEDBOOKD_RELOAD_LOAD_TIMEOUT = "60s" } })
    assert.equal(0, r.code, r.err)
  end)
end)
