-- Bookings as a CSV file (RFC 4180), read and sent a piece at a time: any number of them takes the same memory.
local db = require "mb.db"
local exports = require "queries.exports"

local COLUMNS <const> = { "id", "startTime", "endTime", "status", "providerId", "isOnline", "notes" }
local ROWS <const> = 500

-- A field that begins like a formula gets an apostrophe, or a spreadsheet would run it.
local function field(value)
  local text = value == nil and "" or tostring(value)
  if text:find "^[=+@\t\r-]" then
    text = "'" .. text
  end
  return text:find '[",\r\n]' and '"' .. text:gsub('"', '""') .. '"' or text
end

local function line(row)
  local fields = {}
  for i, name in ipairs(COLUMNS) do
    fields[i] = field(row[name])
  end
  return table.concat(fields, ",") .. "\r\n"
end

return {
  {
    method = "GET", path = "/v1/exports/bookings.csv", permission = "exports.read",
    summary = "Bookings that start in a span, as CSV",
    query = {
      from = { type = "string", format = "date-time", description = "the first start" },
      to = { type = "string", format = "date-time", description = "before this start" },
    },
    responses = { [200] = "text/csv" },
    handler = function(req)
      local from, to = req.query.from or "-infinity", req.query.to or "infinity"
      req:begin(200, {
        ["Content-Type"] = "text/csv; charset=utf-8; header=present",
        ["Content-Disposition"] = 'attachment; filename="bookings.csv"',
      })
      req:write(table.concat(COLUMNS, ",") .. "\r\n")
      local start, id
      repeat
        local rows, lines = db.query(exports.bookings, from, to, start, id, ROWS), {}
        for i = 1, #rows do
          lines[i] = line(rows[i])
        end
        req:write(table.concat(lines))
        if #rows > 0 then
          start, id = rows[#rows].startTime, rows[#rows].id
        end
      until #rows < ROWS
    end,
  },
}
