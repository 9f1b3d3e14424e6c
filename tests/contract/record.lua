-- `./dev contract`: takes what the API offers now into tests/contract/api.txt.
--   lua5.4 record.lua DOCUMENT RECORD [--breaking]
-- Exit code 1, with every reason, when a program that relies on the record would break, unless --breaking says that
-- it is meant.
package.path = arg[0]:match "^(.*)/contract/" .. "/?.lua;" .. package.path
local api = require "contract.api"
local cjson = require "cjson"

local function text_of(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

local facts = api.facts(cjson.decode(text_of(arg[1])))
local breaks, changes = api.compare(api.read(text_of(arg[2])), facts)
for _, line in ipairs(breaks) do io.stderr:write("breaks programs: ", line, "\n") end
if #breaks > 0 and arg[3] ~= "--breaking" then
  io.stderr:write("nothing is recorded; ./dev contract --breaking does it all the same\n")
  os.exit(1)
end
local file = assert(io.open(arg[2], "wb"))
assert(file:write(api.write(facts)))
assert(file:close())
print(("%d facts changed, %d of them break programs"):format(changes, #breaks))
