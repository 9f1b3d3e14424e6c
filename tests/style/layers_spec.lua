-- Which file may use which: the table of the layers, for C and for Lua.

local tree = require "support.tree"

-- Folders of src/ that a folder may include, beside itself.
local FOLDERS <const> = {
  base = {},
  kernel = { base = true },
  net = { base = true },
  db = { base = true },
  client = { base = true, net = true },
  bind = { base = true, kernel = true, net = true, db = true, client = true },
  plugin = { base = true, db = true, bind = true },
  spec = { base = true, net = true, db = true, client = true, bind = true, plugin = true },
  app = { base = true, kernel = true, net = true, db = true, client = true, bind = true, plugin = true, spec = true },
  main = { app = true },
}

-- Foreign headers, and the folders that may include them. app creates the database and copies the
-- demo data in short-lived children, before there is a pool: hence libpq.
local LIBRARIES <const> = {
  ["lua.h"] = { bind = true, plugin = true, spec = true },
  ["lauxlib.h"] = { bind = true, plugin = true, spec = true },
  ["lualib.h"] = { bind = true, plugin = true, spec = true },
  ["llhttp.h"] = { net = true },
  ["libpq-fe.h"] = { db = true, app = true },
  ["readline.h"] = { app = true },
  ["curl.h"] = { client = true },
  ["uv.h"] = { net = true, db = true, client = true, bind = true, spec = true, app = true },
  ["sodium.h"] = { db = true, bind = true, app = true },
  ["core_names.h"] = { bind = true }, -- of OpenSSL, as those below
  ["ecdsa.h"] = { bind = true },
  ["evp.h"] = { bind = true },
  ["param_build.h"] = { bind = true },
  ["zlib.h"] = { net = true },
  ["utf8proc.h"] = { base = true },
}

-- Modules that the files of a folder of lua/ may require: prefixes.
local MODULES <const> = {
  ["boot.lua"] = { "documentation", "mb", "routes", "validation", "workflows" },
  mb = { "mb" },
  sandbox = {},
  testing = { "mb", "medbookd", "busted" }, -- no scripts of the server: helpers of tests, which require medbookd.*
  documentation = { "mb" },
  queries = { "mb", "queries" },
  validation = { "mb", "validation" },
  permissions = { "mb", "permissions" },
  workflows = { "mb", "queries", "permissions", "workflows" },
  jobs = { "mb", "queries", "permissions", "workflows" },
  mails = { "mb", "queries", "permissions", "workflows" },
  resources = { "mb", "queries", "validation", "permissions", "workflows" },
  routes = { "mb", "queries", "validation", "permissions", "workflows", "resources", "documentation" },
}

local function folder_of(path) return path:match "^src/([^/]+)/" or "main" end

local function foreign_folder(line, path)
  local included = line:match '^%s*#%s*include%s+"([^"/]+)/[^"]*"'
  local here = folder_of(path)
  if included and included ~= here and not (FOLDERS[here] or {})[included] then
    return here .. " must not include " .. included
  end
end

local function foreign_library(line, path)
  local header = line:match '^%s*#%s*include%s+[<"]([^>"]+)[>"]'
  local allowed, here = LIBRARIES[header], folder_of(path)
  if allowed and not allowed[here] then return here .. " must not include " .. header end
end

local function include_without_folder(line)
  local name = line:match '^%s*#%s*include%s+"([^"/]+)"'
  return name and ('"%s" is included without its folder'):format(name)
end

-- The module that a line requires; names put together at run time ("permissions." .. x) do not count.
local function required_module(line)
  return line:match '^[^-]*require%s*%(?%s*["\']([%w_.]*[%w_])["\']'
end

local function foreign_module(line, path)
  local required = required_module(line)
  if not required then return nil end
  local folder = path:match "^lua/([^/]+)"
  for _, prefix in ipairs(MODULES[folder] or {}) do
    if required == prefix or required:match("^" .. prefix .. "%.") then return nil end
  end
  return ("lua/%s must not require %s"):format(folder, required)
end

describe("the layers", function()
  local sources = tree.files("src", ".c", ".h")

  it("include only lower folders of src", function()
    tree.expect_none(tree.violations(sources, foreign_folder))
  end)

  it("keep each library to the folders that wrap it", function()
    tree.expect_none(tree.violations(sources, foreign_library))
  end)

  it("name the folder of every header of ours", function()
    tree.expect_none(tree.violations(sources, include_without_folder))
  end)

  it("know every folder of src", function()
    for _, path in ipairs(sources) do
      assert(FOLDERS[folder_of(path)], path .. ": the folder is not in the table of this spec")
    end
  end)

  it("require only lower folders of lua", function()
    tree.expect_none(tree.violations(tree.files("lua", ".lua"), foreign_module))
  end)
end)
