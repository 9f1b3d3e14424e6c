-- Every header stands on its own: it compiles alone, once, and its .c includes it first.

local lfs = require "lfs"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"
local tree = require "support.tree"

local function package_flags()
  local result = process.check { "pkg-config", "--cflags", "libuv", "libpq", "lua5.4", "libsodium", "zlib" }
  local flags = {}
  for flag in result.out:gmatch "%S+" do flags[#flags + 1] = flag end
  return flags
end

-- Where CMake finds llhttp (src/deps.cmake).
local function llhttp_folder()
  return lfs.attributes "/usr/include/llhttp.h" and "/usr/include" or "/usr/share/include/llhttp"
end

-- One file per header that includes it twice, compiled together: the errors name the header.
local function compile(headers)
  local dir = temp.dir()
  local argv = { "gcc", "-fsyntax-only", "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-DLLHTTP_STRICT_MODE=1",
                 '-DMB_VERSION="0"', "-Wall", "-Wextra", "-Werror", "-Isrc", "-isystem", llhttp_folder() }
  for _, flag in ipairs(package_flags()) do argv[#argv + 1] = flag end
  for i, header in ipairs(headers) do
    local file = ("%s/%d.c"):format(dir, i)
    paths.write(file, ('#include "%s"\n#include "%s"\ntypedef int not_empty;\n'):format(header, header))
    argv[#argv + 1] = file
  end
  return process.run(argv, { cwd = paths.root, within = 300 })
end

describe("the headers", function()
  local headers = tree.files("src", ".h")

  it("compile alone and twice", function()
    local names = {}
    for i, path in ipairs(headers) do names[i] = path:gsub("^src/", "") end
    local result = compile(names)
    assert(result.code == 0, result.err)
  end)

  it("begin with #pragma once", function()
    local wrong = {}
    for _, path in ipairs(headers) do
      if not paths.read(path):match "^#pragma once\n" then wrong[#wrong + 1] = path end
    end
    tree.expect_none(wrong)
  end)

  it("are the first include of their .c", function()
    local wrong = {}
    for _, path in ipairs(tree.files("src", ".c")) do
      local own = path:gsub("^src/", ""):gsub("%.c$", ".h")
      local first = ("\n" .. paths.read(path)):match '\n#include ([^\n]*)'
      if lfs.attributes("src/" .. own) and first ~= ('"%s"'):format(own) then
        wrong[#wrong + 1] = path .. ": the first include is " .. tostring(first)
      end
    end
    tree.expect_none(wrong)
  end)
end)
