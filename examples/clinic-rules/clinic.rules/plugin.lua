-- What this clinic asks of general practitioners beyond, or instead of, what everybody asks.
local medbookd = require "medbookd"

return {
  api = 1, name = "clinic.rules", version = "1.0.0",
  summary = "The clinic's own rules for general practitioners",
  capabilities = { "requirements" },
  requirements = {
    {
      provider_type = "general-practitioner",
      items = {
        -- Numbers of this clinic's province begin with MP0 or MP1, and there is no help text.
        ["hpcsa-number"] = {
          type = "TEXT",
          config = {
            pattern = "^MP[01]\\d{5}$", patternError = "must be MP, 0 or 1, and five digits",
            helpText = medbookd.json.null,
          },
        },
      },
    },
  },
}
