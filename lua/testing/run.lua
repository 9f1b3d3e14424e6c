-- Runs busted over files and folders: what `medbookd test` does once the server under test stands.
local host = require "medbookd.host"
local limit = require "medbookd.limit"
local marks = require "medbookd.marks"

-- busted ends the process by os.exit; here the server has to be taken down first.
local EXIT <const> = {}

local function leave(code)
  error(setmetatable({ code = code }, EXIT), 0)
end

-- words: of the command line, for busted. Returns whether all specs passed.
return function(words)
  local exit = os.exit
  os.exit = leave -- luacheck: ignore
  -- Without --ignore-lua busted would start an interpreter of its own.
  arg = { "--ignore-lua", "--helper=medbookd.helper", table.unpack(words) } -- luacheck: ignore
  if not package.searchpath("busted.runner", package.path) then
    error("busted is not installed for Lua 5.4; on Debian it is the package lua-busted", 0)
  end
  limit()
  host.mark()
  host.run_jobs() -- what these scripts begin with is nothing that a test has made due
  local ok, raised = xpcall(function()
    require "busted.runner" { standalone = false }
  end, function(raised)
    return getmetatable(raised) == EXIT and raised or debug.traceback(tostring(raised), 2)
  end)
  os.exit = exit -- luacheck: ignore
  marks.finish()
  host.take_back()
  if ok then
    return true
  elseif getmetatable(raised) == EXIT then
    return raised.code == 0 or raised.code == true
  end
  error(raised, 0)
end
