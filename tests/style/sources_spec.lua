-- What no source file may contain, and what each must begin with.

local lfs = require "lfs"
local paths = require "support.paths"
local tree = require "support.tree"

-- The function, and what to use instead.
local BANNED <const> = {
  strcpy = "a buffer with its length", strcat = "struct mb_buf", sprintf = "snprintf", vsprintf = "vsnprintf",
  gets = "fgets", system = "mb_child", popen = "mb_child", alloca = "a buffer with its length",
  strtok = "strcspn", asctime = "base/clock.h", ctime = "base/clock.h",
}

-- Reading the time of day or the monotonic clock; the loop's own time is fine.
local CLOCKS <const> = { "clock_gettime%s*%(", "gettimeofday%s*%(", "[^%w_]time%s*%(%s*NULL",
                         "[^%w_]time%s*%(%s*0%s*%)", "uv_hrtime%s*%(", "timespec_get%s*%(" }

-- Statements where there is no pool: creating the database, loading the demo data, commands on jobs.
local SQL_HOMES <const> = { "^src/db/", "^src/app/schema%.c$", "^src/app/demo", "^src/app/reference%.c$",
                            "^src/app/jobs%.c$", "^src/app/super_admin%.c$", "^lua/queries/", "^lua/testing/",
                            "^lua/mb/foreign_sql%.lua$", "^lua/mb/record%.lua$", "^lua/mb/condition%.lua$",
                            "^lua/resources/" }
local SQL <const> = { "SELECT%s+[%w_$*(\"'].*", "INSERT%s+INTO%s", "UPDATE%s+[\\\"%w_]+%s+SET%s", "DELETE%s+FROM%s",
                      "CREATE%s+TABLE%s", "ALTER%s+TABLE%s" }

-- How a comment begins. The name of a migration or a CMakeLists.txt says what it is for.
local COMMENTS <const> = { [".c"] = "^/[/*]", [".h"] = "^/[/*]", [".lua"] = "^%-%-", [".sh"] = "^#",
                           [".cmake"] = "^#", [".js"] = "^/[/*]", [".ts"] = "^/[/*]" }
local PREAMBLE <const> = { "^#!", "^#pragma once", "^#define _", "^#include", "^'use strict'", "^%s*$" }

local function is_preamble(line)
  for _, pattern in ipairs(PREAMBLE) do
    if line:match(pattern) then return true end
  end
  return false
end

-- Whether the first thing in a file is a comment; that of foo.c may stand in foo.h.
local function has_purpose(path, comment)
  for _, line in tree.lines(path) do
    if not is_preamble(line) then
      if line:match(comment) then return true end
      break
    end
  end
  local header = path:match "%.c$" and path:gsub("%.c$", ".h")
  return header and lfs.attributes(header) ~= nil and has_purpose(header, comment)
end

-- Code without comments and texts, roughly: enough to look for calls.
local function code_of(line)
  return (line:gsub('"[^"]*"', '""'):gsub("//.*", ""):gsub("/%*.-%*/", ""):gsub("^%s*%*.*", ""))
end

local function banned_call(line)
  for word in code_of(line):gmatch "([%a_][%w_]*)%s*%(" do
    if BANNED[word] then return ("%s: use %s"):format(word, BANNED[word]) end
  end
end

local function clock_call(line, path)
  if path == "src/base/clock.c" then return nil end
  for _, pattern in ipairs(CLOCKS) do
    if (" " .. code_of(line)):find(pattern) then return "the time is read by base/clock.h only" end
  end
end

local function sql_text(line, path)
  for _, home in ipairs(SQL_HOMES) do
    if path:find(home) then return nil end
  end
  if line:match "^%s*%-%-" or line:match "^%s*/?%*" then return nil end
  for _, pattern in ipairs(SQL) do
    if line:find(pattern) then return "SQL stands in lua/queries, migrations and src/db" end
  end
end

-- Amounts never pass through a float, so nothing here may be one.
local EXACT <const> = { "^src/kernel/", "^src/bind/bind_money%.c$", "^src/bind/bind_tier%.c$" }
local FLOATS <const> = { "float", "double", "lua_Number", "lua_tonumber", "luaL_checknumber", "lua_pushnumber",
                         "strtod" }

local function floating(line, path)
  for _, place in ipairs(EXACT) do
    for _, word in ipairs(path:find(place) and FLOATS or {}) do
      if code_of(line):find("%f[%w_]" .. word .. "%f[^%w_]") then return word .. ": amounts are integers" end
    end
  end
end

local function unfinished(line)
  for _, word in ipairs { "TODO", "FIXME", "XXX", "HACK" } do
    if line:find("%f[%w_]" .. word .. "%f[^%w_]") then return word end
  end
end

local function foreign_path(line)
  return line:match "/home/%w+/" or line:match "/Users/%w+/" or line:match "%f[%w/]/wor[k]/"
end

local function without_this(list)
  local kept = {}
  for _, path in ipairs(list) do
    if path ~= "tests/style/sources_spec.lua" then kept[#kept + 1] = path end
  end
  return kept
end

describe("the sources", function()
  local c_files = tree.files("src", ".c", ".h")
  local all_c = tree.files("", ".c", ".h")
  local everything = without_this(tree.files("", ".c", ".h", ".lua", ".sql", ".sh", ".js", ".ts", ".cmake", ".txt",
                                             ".md", ".in", ".conf", "dev", ".ci/run"))

  it("begin with a comment that says what the file is for", function()
    local wrong = {}
    for _, path in ipairs(everything) do
      local comment = COMMENTS[path:match "%.%w+$"]
      if comment and not has_purpose(path, comment) then wrong[#wrong + 1] = path end
    end
    tree.expect_none(wrong)
  end)

  it("call no function that cannot know the size of its target, nor a shell", function()
    tree.expect_none(tree.violations(all_c, banned_call))
  end)

  it("read the time in base/clock.c only", function()
    tree.expect_none(tree.violations(c_files, clock_call))
  end)

  it("hold nothing that is no whole number where amounts are", function()
    tree.expect_none(tree.violations(c_files, floating))
  end)

  it("contain SQL where SQL belongs only", function()
    tree.expect_none(tree.violations(c_files, sql_text))
    tree.expect_none(tree.violations(tree.files("lua", ".lua"), sql_text))
  end)

  it("define each structure and enumeration of C under a name of its own", function()
    local owner = {}
    tree.expect_none(tree.violations(c_files, function(line, path)
      local tag = line:match "^(struct mb_[%w_]+) {" or line:match "^(enum mb_[%w_]+) {"
      local before = tag and owner[tag]
      if tag then owner[tag] = path end
      return before and ("%s is defined in %s too"):format(tag, before)
    end))
  end)

  it("leave nothing to do", function()
    tree.expect_none(tree.violations(everything, unfinished))
  end)

  it("name no folder of one person or machine", function()
    tree.expect_none(tree.violations(everything, foreign_path))
  end)

  it("have no tab in C and Lua, and no blank at the end of a line", function()
    tree.expect_none(tree.violations(tree.files("", ".c", ".h", ".lua"), function(line)
      return line:find "\t" and "a tab" or line:find "%s$" and "a blank at the end"
    end))
  end)

  it("end with a newline", function()
    local wrong = {}
    for _, path in ipairs(everything) do
      if not paths.read(path):match "\n$" then wrong[#wrong + 1] = path end
    end
    tree.expect_none(wrong)
  end)
end)

describe("the migrations", function()
  local numbers, last = {}, 0
  for _, path in ipairs(tree.files("migrations", ".sql")) do
    local number, name, way = path:match "^migrations/(%d%d%d%d)_([%l%d_]+)%.(%l+)%.sql$"
    if number then
      local entry = numbers[tonumber(number)] or { names = {} }
      entry[way], entry.names[name] = true, true
      numbers[tonumber(number)] = entry
      last = math.max(last, tonumber(number))
    end
  end

  it("are numbered from 1 without a gap", function()
    for number = 1, last do assert(numbers[number], "there is no migration " .. number) end
    assert.is_true(last > 0)
  end)

  it("have one name, an up and a down each", function()
    for number = 1, last do
      local entry = numbers[number] or { names = {} }
      assert(entry.up and entry.down, ("migration %d: up or down is missing"):format(number))
      assert(next(entry.names, next(entry.names)) == nil, ("migration %d has two names"):format(number))
    end
  end)

  it("are named NNNN_verb_noun.up.sql, NNNN_verb_noun.down.sql or R__name.sql, or are reference data", function()
    for _, path in ipairs(tree.files "migrations") do
      local numbered = path:match "^migrations/%d%d%d%d_[%l%d]+_[%l%d_]+%.up%.sql$"
        or path:match "^migrations/%d%d%d%d_[%l%d]+_[%l%d_]+%.down%.sql$"
      local is_other = path:match "^migrations/R__[%l%d_]+%.sql$" or path:match "^migrations/reference/[%l_]+%.sql$"
        or path:match "%.md$"
      assert(numbered or is_other, path)
    end
  end)
end)
