-- Values as a person reads them, for the console: rows as a table, tables with sorted keys, texts in quotes
-- where they stand in something.
local json = require "mb.json"

local MAX_DEPTH <const>, MAX_ITEMS <const>, MAX_CELL <const> = 6, 200, 60

local write

local function key_text(key)
  return type(key) == "string" and key:find "^[%a_][%w_]*$" and key or "[" .. write(key, MAX_DEPTH) .. "]"
end

local function before(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then
    return a < b
  end
  return type(a) < type(b)
end

local function write_table(value, depth)
  if depth >= MAX_DEPTH then
    return "{ … }"
  end
  local keys, parts, indent = {}, {}, ("  "):rep(depth + 1)
  for key in next, value do
    keys[#keys + 1] = key
  end
  table.sort(keys, before)
  local n = rawlen(value)
  for i, key in ipairs(keys) do
    if i > MAX_ITEMS then
      parts[i] = ("… %d more"):format(#keys - MAX_ITEMS)
      break
    end
    local is_item = math.type(key) == "integer" and key >= 1 and key <= n
    parts[i] = (is_item and "" or key_text(key) .. " = ") .. write(rawget(value, key), depth + 1)
  end
  local short = "{ " .. table.concat(parts, ", ") .. " }"
  if #parts == 0 then
    return "{}"
  elseif #short <= 100 and not short:find "\n" then
    return short
  end
  return "{\n" .. indent .. table.concat(parts, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

function write(value, depth)
  if type(value) == "string" then
    return ("%q"):format(value):gsub("\\\n", "\\n")
  elseif value == json.null then
    return "null"
  elseif type(value) == "table" and not getmetatable(value) then
    return write_table(value, depth)
  elseif type(value) == "userdata" or type(value) == "table" then
    local ok, text = pcall(json.encode, value)
    return ok and write(json.decode(text), depth) or tostring(value)
  end
  return tostring(value)
end

local function cell(value)
  local text = value == nil and "" or type(value) == "string" and value or write(value, 0)
  text = text:gsub("%c", " ")
  return utf8.len(text) and utf8.len(text) > MAX_CELL and text:sub(1, utf8.offset(text, MAX_CELL) - 1) .. "…" or text
end

-- Columns in their order, as wide as what stands in them.
local function write_rows(rows)
  local names, widths, lines = rows.columns, {}, {}
  for c, name in ipairs(names) do
    widths[c] = utf8.len(name) or #name
  end
  local list = {}
  for i = 1, math.min(#rows, MAX_ITEMS) do
    list[i] = {}
    for c, name in ipairs(names) do
      list[i][c] = cell(rows[i][name])
      widths[c] = math.max(widths[c], utf8.len(list[i][c]) or #list[i][c])
    end
  end
  local function line(cells)
    local padded = {}
    for c, text in ipairs(cells) do
      padded[c] = text .. (" "):rep(widths[c] - (utf8.len(text) or #text))
    end
    lines[#lines + 1] = (table.concat(padded, "  "):gsub("%s+$", ""))
  end
  line(names)
  for _, cells in ipairs(list) do
    line(cells)
  end
  local count = #rows == 1 and "(1 row)" or ("(%d rows)"):format(#rows)
  lines[#lines + 1] = #rows > MAX_ITEMS and ("(%d rows, %d shown)"):format(#rows, MAX_ITEMS) or count
  return table.concat(lines, "\n")
end

-- What the console shows of a value.
return function(value)
  if type(value) == "string" then
    return value
  elseif type(value) == "userdata" then
    local ok, text = pcall(write_rows, value)
    return ok and text or write(value, 0)
  end
  return write(value, 0)
end
