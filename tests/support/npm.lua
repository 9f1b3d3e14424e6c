-- Packages of npm that a folder of the tests pins by its lockfile, downloaded once per state of that lockfile.

local lfs = require "lfs"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"

local PINNED <const> = { ".npmrc", "package.json", "package-lock.json" }
local LONGEST <const> = 300 -- seconds for the download

-- What names the state of these files.
local function hash_of(folder)
  local texts = {}
  for i, name in ipairs(PINNED) do texts[i] = paths.read(folder .. "/" .. name) end
  return process.check({ "sha256sum" }, { input = table.concat(texts, "\0") }).out:sub(1, 16)
end

local function download(folder, dir)
  for _, name in ipairs(PINNED) do process.check { "cp", folder .. "/" .. name, dir } end
  process.check({ "npm", "ci", "--ignore-scripts", "--loglevel=error" }, { cwd = dir, within = LONGEST })
end

-- The packages of `folder` (with package.json, package-lock.json and .npmrc) as the path of a folder node_modules,
-- which stays below build/ for the next run. Raises when they cannot be had.
local function install(folder)
  local kept = ("%s/build/npm/%s"):format(paths.root, hash_of(folder))
  if not lfs.attributes(kept) then
    process.check { "mkdir", "-p", paths.root .. "/build/npm" }
    local dir = assert(native.mkdtemp(kept .. "-")) -- its name until it is whole: another run may be at the same
    local ok, why = pcall(download, folder, dir)
    if not (ok and os.rename(dir, kept)) then process.check { "rm", "-rf", dir } end
    if not ok then error(why, 0) end
  end
  return kept .. "/node_modules"
end

return { install = install }
