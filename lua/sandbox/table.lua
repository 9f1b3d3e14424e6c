-- The table library of plugins. In Lua, because a loop in C is seen by no budget: what a plugin gives
-- it may be endless (a metamethod that answers 2^53, an order that never settles). Lengths and
-- elements are raw: a metamethod of the table has no say in it.
local rawget, rawlen, rawset, select, type, error = rawget, rawlen, rawset, select, type, error
local integer_of, unpack, pack = math.tointeger, table.unpack, table.pack

local function check_table(t, what)
  if type(t) ~= "table" then
    error(("%s: a table is expected, not a %s"):format(what, type(t)), 3)
  end
end

local function check_integer(n, otherwise, what)
  if n == nil then
    return otherwise
  end
  return integer_of(n) or error(("%s: a whole number is expected"):format(what), 3)
end

local function insert(t, ...)
  check_table(t, "insert")
  local n, count = rawlen(t) + 1, select("#", ...)
  if count == 1 then
    rawset(t, n, (...))
    return
  elseif count ~= 2 then
    error("insert: takes a table, a position perhaps, and a value", 2)
  end
  local at, value = ...
  at = check_integer(at, nil, "insert")
  if not at or at < 1 or at > n then
    error("insert: the position lies outside of the table", 2)
  end
  for i = n, at + 1, -1 do
    rawset(t, i, rawget(t, i - 1))
  end
  rawset(t, at, value)
end

local function remove(t, at)
  check_table(t, "remove")
  local n = rawlen(t)
  local from = check_integer(at, n, "remove")
  if at ~= nil and n + 1 ~= from and (from < 1 or from > n + 1) and not (n == 0 and from == 0) then
    error("remove: the position lies outside of the table", 2)
  end
  local value = rawget(t, from)
  for i = from, n - 1 do
    rawset(t, i, rawget(t, i + 1))
  end
  if from <= n then
    rawset(t, n > 0 and n or from, nil)
  end
  return value
end

local function move(from, first, last, at, to)
  check_table(from, "move")
  to = to == nil and from or to
  check_table(to, "move")
  first, last, at = check_integer(first, nil, "move"), check_integer(last, nil, "move"), check_integer(at, nil, "move")
  if not (first and last and at) then
    error("move: takes two ends and a position", 2)
  elseif last < first then
    return to
  elseif first <= 0 and last >= math.maxinteger + first or at > math.maxinteger - (last - first) then
    error("move: too many elements", 2)
  end
  if at > last or at <= first or to ~= from then
    for i = 0, last - first do
      rawset(to, at + i, rawget(from, first + i))
    end
  else
    for i = last - first, 0, -1 do
      rawset(to, at + i, rawget(from, first + i))
    end
  end
  return to
end

local function part(t, i)
  local value = rawget(t, i)
  if type(value) ~= "string" and type(value) ~= "number" then
    error(("concat: element %d is a %s"):format(i, type(value)), 3)
  end
  return value
end

-- Halves are joined, so that a long list costs n log n and not n².
local function join(t, separator, i, j)
  if i == j then
    return part(t, i) .. ""
  end
  local middle = i + (j - i) // 2
  return join(t, separator, i, middle) .. separator .. join(t, separator, middle + 1, j)
end

local function concat(t, separator, i, j)
  check_table(t, "concat")
  i, j = check_integer(i, 1, "concat"), check_integer(j, rawlen(t), "concat")
  if type(separator or "") ~= "string" and type(separator) ~= "number" then
    error("concat: the separator is a text", 2)
  end
  if i > j then
    return ""
  end
  return join(t, separator or "", i, j)
end

-- Heap sort: its steps depend on the number of elements only, whatever the order says.
local function sift(t, at, n, before)
  local value = rawget(t, at)
  while 2 * at <= n do
    local child = 2 * at
    if child < n and before(rawget(t, child), rawget(t, child + 1)) then
      child = child + 1
    end
    if not before(value, rawget(t, child)) then
      break
    end
    rawset(t, at, rawget(t, child))
    at = child
  end
  rawset(t, at, value)
end

local function sort(t, before)
  check_table(t, "sort")
  if before ~= nil and type(before) ~= "function" then
    error("sort: the order is a function", 2)
  end
  before = before or function(a, b) return a < b end
  local n = rawlen(t)
  for at = n // 2, 1, -1 do
    sift(t, at, n, before)
  end
  for last = n, 2, -1 do
    local greatest = rawget(t, 1)
    rawset(t, 1, rawget(t, last))
    rawset(t, last, greatest)
    sift(t, 1, last - 1, before)
  end
end

return {
  insert = insert, remove = remove, move = move, concat = concat, sort = sort, pack = pack,
  unpack = function(t, i, j)
    check_table(t, "unpack")
    return unpack(t, check_integer(i, 1, "unpack"), check_integer(j, rawlen(t), "unpack"))
  end,
}
