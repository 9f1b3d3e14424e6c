-- Tells organizations that their trial ends soon, and ends those that are over.
local organization_states = require "workflows.organization_states"

return {
  kind = "organizations.trials", every = "1min", max_attempts = 3,
  run = function() organization_states:run_trials() end,
}
