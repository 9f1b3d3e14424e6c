-- The statements of lua/queries: named after their file, with every parameter told above them, and used,
-- be it by a test, by names that exist. A wrong name would be nil, and met by the first request that runs it.

local native = require "support.native"
local paths = require "support.paths"
local tree = require "support.tree"

-- module -> key -> { name, SQL }, without a server.
local function load_all()
  local loaded, modules = {}, {}
  local function keep(name, sql) return { name = name, sql = sql } end
  loaded["mb.query"] = { read = keep, write = keep }
  local environment = setmetatable({}, { __index = _G })
  function environment.require(module)
    loaded[module] = loaded[module]
      or assert(loadfile(("lua/%s.lua"):format(module:gsub("%.", "/")), "t", environment))(module)
    return loaded[module]
  end
  for _, file in ipairs(native.list "lua/queries") do
    local module = file:match "^(.*)%.lua$"
    modules[module] = environment.require("queries." .. module)
  end
  return modules
end

-- The comment above each key of a file: "search = query.read(" -> its lines.
local function comments_of(module)
  local comments, block = {}, {}
  for _, line in tree.lines(("lua/queries/%s.lua"):format(module)) do
    local text = line:match "^%s*%-%-(.*)$"
    local key = line:match "^%s+([%w_]+) = query%.%w+%("
    if text then
      block[#block + 1] = text
    else
      if key then comments[key] = table.concat(block) end
      block = {}
    end
  end
  return comments
end

-- The numbers that a comment tells: "$2", "$4 to $7", "$8 and $9".
local function told(comment)
  local numbers = {}
  for number in comment:gmatch "%$(%d+)" do numbers[tonumber(number)] = true end
  for first, last in comment:gmatch "%$(%d+) to %$(%d+)" do
    for i = tonumber(first), tonumber(last) do numbers[i] = true end
  end
  return numbers
end

local function parameters_of(statement)
  local most = 0
  for number in statement.sql:gmatch "%$(%d+)" do most = math.max(most, tonumber(number)) end
  return most
end

-- What is wrong with the comment of a statement, which may point to that of another.
local function undocumented(module, key, statement, comments)
  local comment = comments[key]
  if not comment then return ("lua/queries/%s.lua: no comment stands above %s"):format(module, key) end
  local other = comment:match "Parameters as for (%w+)" or comment:match "The same over all" and "search"
  local numbers = told(comment .. (other and comments[other] or ""))
  for i = 1, parameters_of(statement) do
    if not numbers[i] then return ("lua/queries/%s.lua: nothing is told of $%d of %s"):format(module, i, key) end
  end
end

-- file:line of every `queries_of_x.name` in a file that requires the module under that name.
local function uses(path, visit)
  local names = {}
  for number, line in tree.lines(path) do
    local name, module = line:match '^local ([%w_]+) = require "queries%.([%w_]+)"'
    if name then names[name] = module end
    local code = line:gsub('"[^"]*"', '""'):gsub("%-%-.*$", "")
    for owner, key in code:gmatch "%f[%w_.]([%w_]+)%.([%w_]+)" do
      if names[owner] then visit(names[owner], key, ("%s:%d"):format(path, number)) end
    end
  end
end

describe("the statements of lua/queries", function()
  local modules = load_all()

  it("are named after their file and key", function()
    local count = 0
    for module, statements in pairs(modules) do
      for key, statement in pairs(statements) do
        count = count + 1
        assert.equal(module .. "." .. key, statement.name)
      end
    end
    assert.is_true(count >= 10)
  end)

  it("have a comment that tells every parameter", function()
    local found = {}
    for module, statements in pairs(modules) do
      local comments = comments_of(module)
      for key, statement in pairs(statements) do
        found[#found + 1] = undocumented(module, key, statement, comments)
      end
    end
    tree.expect_none(found)
  end)

  it("are used by names that exist, each of them", function()
    local used, wrong = {}, {}
    for _, path in ipairs(tree.files("lua", ".lua")) do
      uses(path, function(module, key, at)
        if not modules[module][key] then wrong[#wrong + 1] = ("%s: queries.%s has no %s"):format(at, module, key) end
        used[module .. "." .. key] = true
      end)
    end
    tree.expect_none(wrong)
    local tests = {}
    for _, path in ipairs(tree.files("tests/integration", ".lua")) do tests[#tests + 1] = paths.read(path) end
    local text = table.concat(tests)
    for module, statements in pairs(modules) do
      for key in pairs(statements) do
        local name = module .. "." .. key
        assert.is_true(used[name] or text:find('"' .. name .. '"', 1, true) ~= nil, name .. " is used by nobody")
      end
    end
  end)
end)
