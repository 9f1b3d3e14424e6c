-- SQL from the tests, through the psql program: rows come back as tables of texts.

local process = require "support.process"

local null <const> = "\1null\1"

-- Reads what `psql --csv` prints: a list of lists of fields; NULL is nil.
local function parse_csv(text)
  local rows, row, at, width = {}, {}, 1, 0
  while at <= #text do
    local field, stop
    if text:sub(at, at) == '"' then
      local from = at + 1
      stop = from
      repeat
        stop = assert(text:find('"', stop, true), "unfinished field")
        local doubled = text:sub(stop + 1, stop + 1) == '"'
        stop = stop + (doubled and 2 or 1)
      until not doubled
      field = text:sub(from, stop - 2):gsub('""', '"')
    else
      stop = text:find("[,\n]", at) or #text + 1
      field = text:sub(at, stop - 1)
    end
    width = width + 1
    if field ~= null then row[width] = field end
    if text:sub(stop, stop) ~= "," then
      rows[#rows + 1], row, width = row, {}, 0
    end
    at = stop + 1
  end
  return rows
end

local function run(url, arguments, input)
  local argv = { "psql", "-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", "-P", "null=" .. null, "-d", url }
  for _, word in ipairs(arguments) do argv[#argv + 1] = word end
  local env = { PGOPTIONS = "-c client_min_messages=warning", PGCONNECT_TIMEOUT = "10", PGTZ = "UTC" }
  return process.run(argv, { input = input, env = env, cwd = "/", within = 120 })
end

local function checked(result)
  if result.code == 0 then return result.out end
  error((result.err ~= "" and result.err or "psql failed"):gsub("%s+$", ""), 0)
end

-- Runs SQL text (several statements are allowed); raises with PostgreSQL's message.
local function run_text(url, sql) checked(run(url, {}, sql)) end

-- Runs a file of SQL.
local function run_file(url, path) checked(run(url, { "-f", path })) end

-- Rows of one statement: a list of { column = text }; NULL is nil.
local function query(url, sql)
  local rows = parse_csv(checked(run(url, {}, sql)))
  local names = table.remove(rows, 1) or {}
  for i, row in ipairs(rows) do
    local named = {}
    for k, name in pairs(names) do named[name] = row[k] end
    rows[i] = named
  end
  return rows
end

-- The first column of the first row.
local function value(url, sql)
  local rows = parse_csv(checked(run(url, {}, sql)))
  return rows[2] and rows[2][1]
end

-- The message PostgreSQL refuses this SQL with, starting with its SQLSTATE; nil when it accepts.
local function refusal(url, sql)
  local result = run(url, { "-v", "VERBOSITY=verbose" }, sql)
  if result.code == 0 then return nil end
  return (result.err:match "ERROR:%s+([^\n]*)" or result.err)
end

local function can_connect(url) return run(url, { "-c", "SELECT 1" }).code == 0 end

return { run = run_text, file = run_file, query = query, value = value, refusal = refusal,
         can_connect = can_connect }
