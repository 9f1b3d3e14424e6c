-- The life of a provider, who has all that the law asks before it is approved.
local compliance = require "workflows.compliance"
local states = require "workflows.states.provider"
local subscribers = require "queries.subscribers"

return require("workflows.subscribers").new {
  machine = states, resource = "Provider", one = "a provider", missing = compliance.missing,
  trials = subscribers.provider_trials,
  incomplete = { "requirements_incomplete", "what the law asks of this provider is not complete" },
}
