-- Tells providers that their trial ends soon, and ends those that are over.
local provider_states = require "workflows.provider_states"

return {
  kind = "providers.trials", every = "1min", max_attempts = 3, run = function() provider_states:run_trials() end,
}
