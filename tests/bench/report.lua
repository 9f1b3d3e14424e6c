-- The table of a bench run and its machine-readable twin:
--   lua5.4 report.lua ROWS.tsv OUT.json COMMAND MACHINE
-- A row is what `row` of lib/base.sh writes.
local rows_path, json_path, command, machine = table.unpack(arg)

local COLUMNS <const> = { "part", "name", "unit", "ours", "peer", "figure", "sign", "target" }

local function split(line)
  local row, n = {}, 0
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do
    n = n + 1
    row[COLUMNS[n]] = field
  end
  return row
end

local function verdict(row)
  if row.sign == "could not run" then
    return "NOT RUN"
  elseif row.sign == "" then
    return ""
  end
  local figure, target = tonumber(row.figure), tonumber(row.target)
  if not figure or figure ~= figure then
    return "MISSED"
  end
  local met = row.sign == "<=" and figure <= target or row.sign == ">=" and figure >= target
  return met and "met" or "MISSED"
end

local function short(text)
  local n = tonumber(text)
  if not n or n ~= n then
    return text == "" and "-" or text
  end
  local size = math.abs(n)
  return string.format(size >= 100 and "%.0f" or size >= 10 and "%.1f" or "%.2f", n)
end

local function width(text)
  return utf8.len(text) or #text
end

local function padded(text, n, right)
  local gap = (" "):rep(n - width(text))
  return right and gap .. text or text .. gap
end

local function cells(row)
  local unit = row.unit == "" and "" or " " .. row.unit
  return {
    row.part, row.name,
    row.ours == "" and "-" or short(row.ours) .. unit,
    row.peer == "" and "-" or short(row.peer) .. unit,
    short(row.figure),
    (row.sign == "" or row.sign == "could not run") and "" or row.sign .. " " .. row.target,
    verdict(row),
  }
end

local function print_table(rows)
  local lines = { { "part", "row", "ours", "peer", "figure", "target", "" } }
  for _, row in ipairs(rows) do
    lines[#lines + 1] = cells(row)
  end
  local widths = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do
      widths[i] = math.max(widths[i] or 0, width(cell))
    end
  end
  for _, line in ipairs(lines) do
    local out = {}
    for i, cell in ipairs(line) do
      out[i] = padded(cell, widths[i], i >= 3 and i <= 5)
    end
    print((table.concat(out, "  "):gsub("%s+$", "")))
  end
end

local function write_json(rows)
  local cjson = require "cjson"
  for _, row in ipairs(rows) do
    row.verdict = verdict(row)
    for _, column in ipairs { "ours", "peer", "figure", "target" } do
      row[column] = tonumber(row[column])
    end
  end
  local file <close> = assert(io.open(json_path, "w"))
  file:write(cjson.encode { command = command, machine = machine, rows = rows }, "\n")
end

local rows = {}
for line in io.lines(rows_path) do
  rows[#rows + 1] = split(line)
end
print_table(rows)
print("command: " .. command)
print("machine: " .. machine)
write_json(rows)
