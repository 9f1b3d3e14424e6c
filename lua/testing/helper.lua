-- Ties the marks to the levels of busted, which loads this by --helper.
local host = require "medbookd.host"
local marks = require "medbookd.marks"
require "medbookd.test" -- what it keeps takes part from the first level on

-- The errors that the server logged during a test that failed say more than its answer.
local function show_log()
  for line in host.log(marks.log_from):gmatch "[^\n]+" do
    if line:find("level=error", 1, true) or line:find("level=warn", 1, true) then
      io.stderr:write("server log: ", line, "\n")
    end
  end
end

local function begin_test()
  marks.log_from = host.log_size()
  marks.set()
end

-- Each file and describe is one more level.
local function follow(busted)
  for _, level in ipairs { "file", "describe" } do
    busted.subscribe({ level, "start" }, function() marks.set() return nil, true end)
    busted.subscribe({ level, "end" }, function() marks.return_to() return nil, true end)
  end
  busted.subscribe({ "test", "end" }, function(_, _, status)
    if status == "failure" or status == "error" then
      show_log()
    end
    return nil, true
  end)
  busted.before_each(begin_test)
  busted.after_each(marks.return_to)
end

follow(require "busted")
