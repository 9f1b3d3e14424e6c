-- What general practitioners answer, beyond the rows of the database.
local requirement = require "validation.requirement"

local of = requirement.of

return requirement.overrides("general-practitioner", {
  ["hpcsa-membership"] = of.boolean { mustBeTrue = true, validationError = "only members of the HPCSA may practise" },
  ["hpcsa-number"] = of.text {
    pattern = "^MP\\d{6}$", patternError = "must be MP and six digits", trimWhitespace = true, caseSensitive = false,
  },
})
