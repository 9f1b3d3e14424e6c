-- The files of the source tree, for the tests of style: everything but what is built or fetched.

local lfs = require "lfs"
local paths = require "support.paths"

local SKIPPED <const> = { build = true, var = true, [".git"] = true, node_modules = true }

local function walk(folder, found)
  for name in lfs.dir(folder == "" and "." or folder) do
    local path = folder == "" and name or folder .. "/" .. name
    if name ~= "." and name ~= ".." and not SKIPPED[name] then
      local mode = lfs.symlinkattributes(path, "mode")
      if mode == "directory" then
        walk(path, found)
      elseif mode == "file" then
        found[#found + 1] = path
      end
    end
  end
end

-- Sorted paths below `folder` ("" = everything) that end in one of the suffixes (none = all).
local function files(folder, ...)
  local found, wanted = {}, {}
  if folder == "" or lfs.attributes(folder, "mode") == "directory" then walk(folder, found) end
  for _, path in ipairs(found) do
    local fits = select("#", ...) == 0
    for _, suffix in ipairs { ... } do
      if path:sub(-#suffix) == suffix then fits = true end
    end
    if fits then wanted[#wanted + 1] = path end
  end
  table.sort(wanted)
  return wanted
end

-- Iterates over number and text of the lines of a file.
local function lines(path)
  local text, at, number = paths.read(path), 1, 0
  return function()
    if at > #text then return nil end
    local stop = text:find("\n", at, true) or #text + 1
    local line = text:sub(at, stop - 1)
    at, number = stop + 1, number + 1
    return number, line
  end
end

-- Collects "file:line: text" wherever check(line, path) returns a text.
local function violations(list, check)
  local found = {}
  for _, path in ipairs(list) do
    for number, line in lines(path) do
      local text = check(line, path)
      if text then found[#found + 1] = ("%s:%d: %s"):format(path, number, text) end
    end
  end
  return found
end

-- Raises with the list unless it is empty.
local function expect_none(list)
  if #list > 0 then error(("%d found:\n%s"):format(#list, table.concat(list, "\n")), 2) end
end

return { files = files, lines = lines, violations = violations, expect_none = expect_none }
