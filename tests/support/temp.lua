-- Temporary folders, removed when their scope ends (TEST_KEEP=1 keeps them for a look).

local native = require "support.native"
local scope = require "support.scope"

local own = {} -- path -> true, every folder made by this run

local function base() return os.getenv "TMPDIR" or "/tmp" end

-- A new folder that everybody may enter. Its path is short enough for a unix socket inside.
local function dir(scope_name)
  local path = assert(native.mkdtemp(base() .. "/mbtest-"))
  own[path] = true
  scope.defer(function()
    if not os.getenv "TEST_KEEP" then assert(native.rmtree(path)) end
  end, scope_name)
  return path
end

-- A new file with this text, in a folder of its own.
local function file(name, text)
  local path = dir() .. "/" .. name
  local handle <close> = assert(io.open(path, "wb"))
  assert(handle:write(text))
  return path
end

local function is_own(path) return own[path] == true end

return { dir = dir, file = file, is_own = is_own }
