-- The life of an organization, which has an owner, a location and a way to be reached before it is approved.
local json = require "mb.json"
local organizations = require "queries.organizations"
local states = require "workflows.states.organization"
local subscribers = require "queries.subscribers"

local function missing(id, tx)
  local list = json.array()
  tx:query(organizations.lock, id)
  for i, row in ipairs(tx:query(organizations.missing, id)) do
    list[i] = row.what
  end
  return list
end

return require("workflows.subscribers").new {
  machine = states, resource = "Organization", one = "an organization", missing = missing,
  trials = subscribers.organization_trials,
  incomplete = { "organization_incomplete", "an owner, a location, or an e-mail address or phone number is missing" },
}
