-- What functions of the database tell, jobs and plugins can be called for.

local home = require "support.home"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"

describe("an event that a function of the database tells", function()
  it("is known to scripts", function()
    local events, seen = {}, {}
    for _, file in ipairs(native.list(paths.root .. "/migrations")) do
      local text = file:find "^R__" and paths.read(paths.root .. "/migrations/" .. file) or ""
      for event in text:gmatch "'(%l[%l_]*%.%l[%l_]*)'" do
        if not seen[event] then events[#events + 1] = ("%q"):format(event) end
        seen[event] = true
      end
    end
    assert.is_true(seen["provider.created"] and seen["service_config.changed"])
    local dir = home.with()
    local file <close> = assert(io.open(dir .. "/lua/jobs/all_events.lua", "w"))
    file:write(([[return { kind = "clinic.all", events = { %s }, run = function() end }]])
      :format(table.concat(events, ", ")))
    file:flush()
    local r = process.run({ paths.binary(), "check" }, { cwd = dir, env = { MEDBOOKD_HOME = dir }, within = 60 })
    assert.same({ 0, "" }, { r.code, r.err })
  end)
end)
