-- The texts of named statements, as JSON { name = sql }, so that the peers run the same SQL:
--   lua5.4 sql.lua LUA_FOLDER MODULE…      e.g. lua queries.slots queries.bookings
local cjson = require "cjson"

package.path = arg[1] .. "/?.lua;" .. package.path

local texts = {}

local function keep(name, sql)
  texts[name] = sql
  return name
end

package.preload["mb.query"] = function()
  return { read = keep, write = keep }
end

for i = 2, #arg do
  require(arg[i])
end
print(cjson.encode(texts))
