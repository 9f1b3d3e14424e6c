-- What functions of migrations/R__accounts.sql are told: who asks, from where and by which request, and what about.
local caller = require "mb.caller"
local json = require "mb.json"

return function(req, about)
  local made = caller.of(req)
  for key, value in pairs(about) do
    made[key] = value
  end
  return json.encode(made)
end
