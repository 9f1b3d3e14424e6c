-- What is wrong with tables that people write (rules, workflows): gathered, so that all of it is told
-- at once, one line a fault: file:line, what it is, and what to do about it.

local distance = require "mb.text".distance

-- "permissions/bookings.lua:12" of the code that runs `level` calls up: 1 is whoever calls this. What
-- a file returns by calling it leaves no place behind; then it is `otherwise`.
local function here(level, otherwise)
  local _, where = pcall(error, "", level + 2)
  return where ~= "" and where:gsub(": $", "") or otherwise or "?"
end

-- "did you mean 'X'?" for the nearest of the words, or all of them when none is near.
local function nearest(word, words)
  word = tostring(word)
  local best, least = nil, #word // 3 + 2
  for _, candidate in ipairs(words) do
    local d = distance(word, candidate)
    if d < least then
      best, least = candidate, d
    end
  end
  return best and ("did you mean '%s'?"):format(best) or "there are " .. table.concat(words, ", ")
end

-- The keys of a table that are texts, in order.
local function names_of(t)
  local list = {}
  for key in pairs(t) do
    if type(key) == "string" then
      list[#list + 1] = key
    end
  end
  table.sort(list)
  return list
end

local faults = {}
faults.__index = faults

-- `hint` says what to do, nil when the text says it.
function faults:add(at, text, hint)
  text = at .. ": " .. text .. (hint and " (" .. hint .. ")" or "")
  if self.known[text] then
    return -- several files fail by the same one that they require
  end
  self.known[text] = true
  local file, line = at:match "^(.-):(%d+)$"
  self.list[#self.list + 1] = { file = file or at, line = tonumber(line) or 0, order = #self.list, text = text }
end

-- Takes over what another file was refused with.
function faults:take(text)
  for line in text:gmatch "[^\n]+" do
    local at, rest = line:match "^([%w_/.-]+%.lua:?%d*): (.*)$"
    self:add(at or "scripts", rest or line)
  end
end

-- Ends the loading of the scripts when there is any fault.
function faults:raise()
  if #self.list == 0 then
    return
  end
  table.sort(self.list, function(a, b)
    if a.file ~= b.file then
      return a.file < b.file
    end
    return a.line < b.line or a.line == b.line and a.order < b.order
  end)
  local lines = {}
  for i, fault in ipairs(self.list) do
    lines[i] = fault.text
  end
  error(table.concat(lines, "\n"), 0)
end

local function new()
  return setmetatable({ list = {}, known = {} }, faults)
end

return { new = new, here = here, nearest = nearest, names_of = names_of }
