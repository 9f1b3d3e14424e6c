-- Where things are: the source tree, the build under test, its program and its native module.
-- MEDBOOKD_BIN names the program; without it the newest build is taken.

local lfs = require "lfs"

local root <const> = lfs.currentdir()

local function newest(pattern)
  local best, best_time
  local builds = root .. "/build"
  if lfs.attributes(builds, "mode") ~= "directory" then return nil end
  for name in lfs.dir(builds) do
    local path = builds .. "/" .. name .. "/" .. pattern
    local time = name:sub(1, 1) ~= "." and lfs.attributes(path, "modification")
    if time and (not best_time or time > best_time) then best, best_time = path, time end
  end
  return best
end

local function binary()
  local path = os.getenv "MEDBOOKD_BIN" or newest "medbookd"
  if not path then error("no medbookd is built: run ./dev build, or set MEDBOOKD_BIN", 0) end
  if path:sub(1, 1) ~= "/" then path = root .. "/" .. path end
  return path
end

-- The build folder of the program under test.
local function build() return (binary():match("^(.*)/[^/]+$")) end

-- The build folders whose C programs are tested: those of TEST_BUILDS, else the one under test.
local function builds()
  local listed = os.getenv "TEST_BUILDS"
  if not listed then return { build() } end
  local folders = {}
  for folder in listed:gmatch "%S+" do
    folders[#folders + 1] = folder:match "^/" and folder or root .. "/" .. folder
  end
  return folders
end

-- A Lua module made by CMake: that of the program's build, else the newest one of any build.
local function native()
  local from = os.getenv "MEDBOOKD_BIN"
  local path = from and from:match("^(.*)/[^/]+$") .. "/tests/support/native.so"
  if path and lfs.attributes(path) then return path end
  path = newest "tests/support/native.so"
  if not path then error("tests/support/native.so is not built: run ./dev build", 0) end
  return path
end

-- The folder of PostgreSQL's programs, of the newest version, or nil.
local function postgres()
  local all, best = "/usr/lib/postgresql", 0
  if lfs.attributes(all, "mode") ~= "directory" then return nil end
  for name in lfs.dir(all) do best = math.max(best, tonumber(name) or 0) end
  return best > 0 and ("%s/%g/bin"):format(all, best) or nil
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
end

return { root = root, binary = binary, build = build, builds = builds, native = native,
         postgres = postgres, read = read, write = write }
