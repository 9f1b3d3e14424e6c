-- What psychologists answer, beyond the rows of the database.
local requirement = require "validation.requirement"

local of = requirement.of

return requirement.overrides("psychologist", {
  ["hpcsa-membership"] = of.boolean { mustBeTrue = true, validationError = "only members of the HPCSA may practise" },
  ["hpcsa-number"] = of.text {
    pattern = "^PS\\d{6}$", patternError = "must be PS and six digits", trimWhitespace = true, caseSensitive = false,
  },
})
