-- Every key of the program's own is read by something, and every key that a message or a script names is one of
-- these or declared by a script (config.declare), where it is used.

local paths = require "support.paths"
local tree = require "support.tree"

local HEADER <const> = "src/app/config.h"

-- Keys in the order of the table, and the member of struct mb_config that holds each.
local function read_keys()
  local keys, members = {}, {}
  for member, key in paths.read(HEADER):gmatch '\n    X%(([%w_]+), "([%w_.]+)",' do
    keys[#keys + 1] = key
    members[key] = member
  end
  return keys, members
end

-- How scripts name a key: to ask for its value, or as what guards a transition.
local IN_SCRIPTS <const> = { 'config%s*%(?%s*"([%w_.]+)"', 'before = "(%l+%.[%w_.]+)"', 'after = "(%l+%.[%w_.]+)"' }

local function each_key(text, visit)
  for _, pattern in ipairs(IN_SCRIPTS) do
    for key in text:gmatch(pattern) do visit(key) end
  end
end

local function text_of(...)
  local texts = {}
  for _, path in ipairs(tree.files(...)) do
    if not path:match "^src/app/config" then texts[#texts + 1] = paths.read(path) end
  end
  return table.concat(texts, "\n")
end

-- Keys that scripts declare: in place, or by a helper of the file.
local function declared_keys()
  local declared = {}
  for _, path in ipairs(tree.files("lua", ".lua")) do
    local text = paths.read(path)
    for key in text:gmatch 'config%.declare%("([%w_.]+)"' do declared[key] = true end
    if text:find("config.declare(key", 1, true) then
      for key in text:gmatch 'number%("([%w_.]+)"' do declared[key] = true end
    end
  end
  return declared
end

describe("the keys of the configuration", function()
  local keys, members = read_keys()
  local declared = declared_keys()
  local is_section = {}

  setup(function()
    assert.is_true(#keys > 50)
    for _, key in ipairs(keys) do is_section[key:match "^(%w+)%." or ""] = true end
    is_section[""] = nil
  end)

  it("are each read by the program or by a script", function()
    local program, in_scripts, unread = text_of("src", ".c"), {}, {}
    each_key(text_of("lua", ".lua"), function(key) in_scripts[key] = true end)
    for _, key in ipairs(keys) do
      local is_read = program:find("[>.]" .. members[key] .. "%f[^%w_]")
        or in_scripts[key]
      if not is_read then unread[#unread + 1] = key .. ": nothing reads it" end
    end
    tree.expect_none(unread)
  end)

  -- In brackets at the end of an error, the way limits are named; or alone in quotes, as scripts ask.
  it("are the only ones that errors and scripts name", function()
    tree.expect_none(tree.violations(tree.files("src", ".c", ".h"), function(line)
      for key in line:gmatch "%(([%l_]+%.[%l_]+)%)" do
        local is_text = is_section[key:match "^%w+"] and line:find('"', 1, true)
        if is_text and not members[key] and not declared[key] then return key .. " is no key" end
      end
    end))
    tree.expect_none(tree.violations(tree.files("lua", ".lua"), function(line)
      local unknown
      each_key(line, function(key)
        if not members[key] and not declared[key] then unknown = key .. " is no key" end
      end)
      return unknown
    end))
  end)
end)
