-- The codes of problems, each with its status, cause and remedy: { 409, "…", "…" }. What has no cause and no remedy
-- does not load, so that nobody meets a code that /docs/problems does not explain.
local faults = require "mb.faults"

local codes = {}
codes.__index = codes

-- Adds a list by code, of that place; is_everywhere: any route may answer them.
function codes:add(list, at, is_everywhere)
  for _, code in ipairs(faults.names_of(list)) do
    local it = list[code]
    local function wrong(text)
      self.found:add(at, ("problem '%s': %s"):format(code, text), "{ 409, \"cause\", \"remedy\" }")
    end
    if self.by_code[code] then
      wrong(("stands in %s already"):format(self.by_code[code].at))
    elseif not code:find "^%l[%l%d_]*$" then
      wrong "a code is small letters, digits and _"
    elseif type(it) ~= "table" or math.type(it[1]) ~= "integer" or it[1] < 400 or it[1] > 599 then
      wrong "it begins with a status from 400 to 599"
    elseif type(it[2]) ~= "string" or it[2] == "" or type(it[3]) ~= "string" or it[3] == "" then
      wrong "it needs a cause and a remedy"
    else
      self.by_code[code] = { status = it[1], cause = it[2], remedy = it[3], at = at }
      self.everywhere[code] = is_everywhere or nil
    end
  end
end

-- Why a route may not name this code with this status, and a hint; nil when it may.
function codes:refusal(status, code)
  local known = self.by_code[code]
  if not known then
    return ("nothing explains the code '%s'"):format(tostring(code)),
      "give its status, cause and remedy in documentation/problems.lua, or `problems` of the plugin"
  elseif known.status ~= status then
    return ("the code '%s' is of status %d, not %d"):format(code, known.status, status)
  end
end

-- Raises every fault of what was added.
function codes:finish()
  self.found:raise()
end

local function new()
  return setmetatable({ by_code = {}, everywhere = {}, found = faults.new() }, codes)
end

return { new = new }
