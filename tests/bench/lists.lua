-- What the lists read: a script that asks each of them once to warm up and once to be measured, and its output.
--   lua5.4 lists.lua ask LUA_FOLDER       SQL for psql -A -t
--   lua5.4 lists.lua tell <OUTPUT         a line a list: name, rows shown, pages of 8 KB looked at, milliseconds
-- One row more than shown is asked for, as the routes do to know whether it is the last page.
local cjson = require "cjson"

local function id(kind, n) return ("'c%s%0" .. 24 - #kind .. "d'"):format(kind, n) end

local FROM <const>, TO <const> = "now() + interval '1 day'", "now() + interval '8 days'"

-- name, statement, its values; those that are left out are null
local CALLS <const> = {
  { "providers", "providers.list", { [6] = "21" } },
  { "slots of a provider", "slots.search", { [1] = id("prov", 7), [4] = FROM, [5] = TO, [7] = "51" } },
  { "slots of a service", "slots.search_service", { [2] = id("serv", 7), [4] = FROM, [5] = TO, [7] = "51" } },
  { "slots of a location", "slots.search_location", { [3] = id("loca", 7), [4] = FROM, [5] = TO, [7] = "51" } },
}

local function statements(folder)
  local file <close> = assert(io.popen(("lua5.4 '%s/sql.lua' '%s' queries.slots queries.providers"):format(
    arg[0]:match "^(.*)/", folder)))
  return cjson.decode(file:read "a")
end

local function ask(folder)
  local sql = statements(folder)
  print "SET plan_cache_mode = force_generic_plan;"
  for i, call in ipairs(CALLS) do
    local text, values, most = assert(sql[call[2]], call[2]), {}, 0
    for n in text:gmatch "%$(%d+)" do most = math.max(most, tonumber(n)) end
    for n = 1, most do values[n] = call[3][n] or "NULL" end
    local execute = ("EXECUTE x%d(%s);"):format(i, table.concat(values, ", "))
    print(("PREPARE x%d AS %s;\n\\o /dev/null\n%s\n\\o"):format(i, text, execute))
    print("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " .. execute)
    print("\\echo --")
  end
end

local function tell()
  local n = 0
  for text in io.read("a"):gmatch "(.-)\n%-%-\n" do
    n = n + 1
    local it = cjson.decode(text)[1]
    print(("%s\t%d\t%d\t%.3f"):format(CALLS[n][1], it.Plan["Actual Rows"] - 1,
      it.Plan["Shared Hit Blocks"] + it.Plan["Shared Read Blocks"], it["Execution Time"]))
  end
  assert(n == #CALLS, "a plan is missing")
end

local verbs = { ask = ask, tell = tell }
verbs[arg[1]](arg[2])
