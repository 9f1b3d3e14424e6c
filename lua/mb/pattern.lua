-- Regular expressions as configurations carry them (the dialect of JSON Schema and browsers): literals,
-- `.`, classes, \d \w \s and their opposites, groups, |, ^ $, * + ? {n} {n,} {n,m}. No captures, no
-- looking around, no references: all states are walked side by side, so no text takes longer than its
-- length times that of the pattern.

local MAX_STEPS <const> = 400 -- of a compiled pattern: {n,m} repeats what it counts
local MAX_BYTES <const> = 500

local function within(...)
  local ranges = { ... }
  return function(c)
    for i = 1, #ranges, 2 do
      if c >= ranges[i] and c <= ranges[i + 1] then
        return true
      end
    end
    return false
  end
end

local function opposite(test)
  return function(c) return not test(c) end
end

local digit <const> = within(0x30, 0x39)
local word <const> = within(0x30, 0x39, 0x41, 0x5A, 0x5F, 0x5F, 0x61, 0x7A)
local space <const> = within(0x09, 0x0D, 0x20, 0x20, 0xA0, 0xA0)
local CLASSES <const> = {
  d = digit, w = word, s = space, D = opposite(digit), W = opposite(word), S = opposite(space),
}
local CONTROLS <const> = { t = 9, n = 10, r = 13 }

-- ---- reading ----

local reader = {}
reader.__index = reader

local function refuse(self, text)
  error(("%s at character %d"):format(text, self.i), 0)
end

function reader:peek()
  local c = self.chars[self.i]
  return c and utf8.char(c)
end

function reader:take(expected)
  if self:peek() == expected then
    self.i = self.i + 1
    return true
  end
  return false
end

-- Behind a backslash: a class, or one character.
function reader:escape()
  local c = self:peek() or refuse(self, "a backslash stands at the end")
  self.i = self.i + 1
  if CLASSES[c] then
    return CLASSES[c]
  elseif c:find "^%w$" and not CONTROLS[c] then
    refuse(self, ("\\%s is not known"):format(c))
  end
  return nil, CONTROLS[c] or utf8.codepoint(c)
end

-- One character of a class in brackets, or a class inside it.
function reader:member()
  if self:take "\\" then
    return self:escape()
  end
  self.i = self.i + 1
  return nil, self.chars[self.i - 1]
end

function reader:brackets()
  local is_opposite, ranges, classes = self:take "^", {}, {}
  while not self:take "]" do
    if not self:peek() then
      refuse(self, "a bracket is not closed")
    end
    local class, first = self:member()
    local last = first
    if first and self:peek() == "-" and self.chars[self.i + 1] and self.chars[self.i + 1] ~= 0x5D then
      self.i = self.i + 1
      class, last = self:member()
      if class or last < first then
        refuse(self, "a range in brackets goes backwards")
      end
    end
    if class then
      classes[#classes + 1] = class
    else
      table.move({ first, last }, 1, 2, #ranges + 1, ranges)
    end
  end
  local one = within(table.unpack(ranges))
  local function test(c)
    for _, class in ipairs(classes) do
      if class(c) then
        return true
      end
    end
    return one(c)
  end
  return { kind = "one", test = is_opposite and opposite(test) or test }
end

function reader:atom()
  local c = self:peek()
  self.i = self.i + 1
  if c == "(" then
    if self:take "?" and not self:take ":" then
      refuse(self, "groups are written ( ) or (?: ) only")
    end
    local group = self:choice()
    return self:take ")" and group or refuse(self, "a group is not closed")
  elseif c == "[" then
    return self:brackets()
  elseif c == "." then
    return { kind = "one", test = opposite(within(10, 10, 13, 13)) }
  elseif c == "^" or c == "$" then
    return { kind = c }
  elseif c == "\\" then
    local class, code = self:escape()
    return { kind = "one", test = class or within(code, code) }
  elseif c == "*" or c == "+" or c == "?" or c == "{" then
    refuse(self, ("'%s' repeats nothing"):format(c))
  end
  local code = utf8.codepoint(c)
  return { kind = "one", test = within(code, code), code = code }
end

local COUNTS <const> = { ["*"] = { 0, nil }, ["+"] = { 1, nil }, ["?"] = { 0, 1 } }

-- least, most of what follows an atom; nothing when nothing does.
function reader:count()
  local simple = COUNTS[self:peek()]
  if simple then
    self.i = self.i + 1
    return simple[1], simple[2]
  elseif not self:take "{" then
    return
  end
  local text = ""
  while self:peek() and self:peek() ~= "}" do
    text, self.i = text .. self:peek(), self.i + 1
  end
  local least, comma, most = text:match "^(%d%d?%d?)(,?)(%d?%d?%d?)$"
  if not self:take "}" or not least or (comma == "" and most ~= "") then
    refuse(self, "a count is written {n}, {n,} or {n,m}")
  end
  least, most = tonumber(least), comma == "" and tonumber(least) or tonumber(most)
  if most and most < least then
    refuse(self, "a count goes backwards")
  end
  return least, most
end

function reader:sequence()
  local parts = {}
  while self:peek() and self:peek() ~= "|" and self:peek() ~= ")" do
    local part = self:atom()
    local least, most = self:count()
    if least then
      part = { kind = "repeat", part = part, least = least, most = most }
    end
    parts[#parts + 1] = part
  end
  return { kind = "sequence", parts = parts }
end

function reader:choice()
  local parts = { self:sequence() }
  while self:take "|" do
    parts[#parts + 1] = self:sequence()
  end
  return #parts == 1 and parts[1] or { kind = "choice", parts = parts }
end

-- ---- compiling: steps { test }, { at = "^" }, { to = n, or_to = n } and { done = true } ----

local emit

local function add(steps, step)
  if #steps >= MAX_STEPS then
    error(("the pattern is too long: over %d steps"):format(MAX_STEPS), 0)
  end
  steps[#steps + 1] = step
  return step
end

local EMITTERS <const> = {
  one = function(it, steps) add(steps, { test = it.test }) end,
  ["^"] = function(_, steps) add(steps, { at = "^" }) end,
  ["$"] = function(_, steps) add(steps, { at = "$" }) end,
  sequence = function(it, steps)
    for _, part in ipairs(it.parts) do
      emit(part, steps)
    end
  end,
  choice = function(it, steps)
    local ends = {}
    for i, part in ipairs(it.parts) do
      local fork = i < #it.parts and add(steps, { to = #steps + 2 })
      emit(part, steps)
      if fork then
        ends[#ends + 1] = add(steps, {})
        fork.or_to = #steps + 1
      end
    end
    for _, step in ipairs(ends) do
      step.to = #steps + 1
    end
  end,
  ["repeat"] = function(it, steps)
    for _ = 1, it.least do
      local before = #steps
      emit(it.part, steps)
      if #steps == before then -- nothing, which is not more when it is repeated
        break
      end
    end
    if not it.most then
      local fork = add(steps, { to = #steps + 2 })
      local start = #steps
      emit(it.part, steps)
      add(steps, { to = start })
      fork.or_to = #steps + 1
      return
    end
    local forks = {}
    for i = it.least + 1, it.most do
      forks[i] = add(steps, { to = #steps + 2 })
      emit(it.part, steps)
    end
    for _, fork in pairs(forks) do
      fork.or_to = #steps + 1
    end
  end,
}

function emit(it, steps)
  EMITTERS[it.kind](it, steps)
end

-- ---- walking ----

-- Adds step n to those that wait for a character; true when the pattern is through.
local function enter(steps, n, state)
  local step = steps[n]
  if state.seen[n] == state.i then
    return false
  end
  state.seen[n] = state.i
  if step.done then
    return true
  elseif step.test then
    state.waiting[#state.waiting + 1] = n
    return false
  elseif step.at then
    local holds = step.at == "^" and state.i == 1 or step.at == "$" and state.i == state.length + 1
    return holds and enter(steps, n + 1, state)
  end
  return enter(steps, step.to, state) or step.or_to ~= nil and enter(steps, step.or_to, state)
end

-- Whether the pattern is found anywhere in the text, which is valid UTF-8.
local function matches(steps, text)
  local chars = { utf8.codepoint(text, 1, -1) }
  local state = { seen = {}, waiting = {}, length = #chars }
  for i = 1, #chars + 1 do
    local before = state.waiting
    state.i, state.waiting = i, {}
    if i > 1 then
      for _, n in ipairs(before) do
        if steps[n].test(chars[i - 1]) and enter(steps, n + 1, state) then
          return true
        end
      end
    end
    if enter(steps, 1, state) then
      return true
    end
  end
  return false
end

-- A function (text) -> boolean; nil and why for what is no pattern.
local function compile(pattern)
  if #pattern > MAX_BYTES or not utf8.len(pattern) then
    return nil, ("a pattern is UTF-8 of at most %d bytes"):format(MAX_BYTES)
  end
  local it = setmetatable({ chars = { utf8.codepoint(pattern, 1, -1) }, i = 1 }, reader)
  local steps = {}
  local ok, why = pcall(function()
    local whole = it:choice()
    if it:peek() then
      refuse(it, "a group is closed that was not opened")
    end
    emit(whole, steps)
    add(steps, { done = true })
  end)
  if not ok then
    return nil, why
  end
  return function(text) return matches(steps, text) end
end

return { compile = compile }
