-- What providers of a type are asked, and what counts as an answer: validation/requirement.lua. Which type of answer
-- and of which providers is said once, as answers there are would mean something else.
local field = require "mb.field"
local rules = require "permissions.requirement_types"
local validation = require "validation.requirement_types"

return require("mb.resource").new {
  name = "requirement-types", table = "RequirementType",
  fields = {
    name = field.line { create = true, change = true, required = true, max = 200, example = "HPCSA number" },
    slug = field.slug { create = true, filled = true, within = "providerTypeId", example = "hpcsa-number",
      description = "of its name, unless a new one says another; its type has no other one with it" },
    description = field.text { create = true, change = true, nullable = true, max = 2000,
      example = "The number under which the council has you." },
    providerTypeId = field.id { create = true, required = true, of = "ProviderType" },
    isRequired = field.boolean { create = true, change = true, default = true,
      description = "nobody is approved without an answer that was" },
    validationType = field.enum { create = true, required = true, type = "RequirementValidationType",
      words = { "BOOLEAN", "DOCUMENT", "TEXT", "DATE", "FUTURE_DATE", "PAST_DATE", "NUMBER", "PREDEFINED_LIST" },
      example = "TEXT" },
    validationConfig = field.json { create = true, change = true, nullable = true, max = 10000,
      example = { minLength = 8, maxLength = 10, pattern = "^MP\\d{6}$" },
      description = "by which answers are judged, before scripts and plugins override it key by key" },
    displayPriority = field.integer { create = true, change = true, default = 0, min = -1000, max = 1000,
      description = "requirements with a lower one are asked first" },
    isActive = field.boolean { create = true, change = true, default = true,
      description = "false: it is retired; nobody is asked, and others do not see it" },
    effectiveFrom = field.instant { create = true, change = true, filled = true,
      description = "from when on who was approved before needs an answer that was; 60 days unless a new one says" },
  },
  list = { sort = { "displayPriority", "name", "-name" }, filter = { providerTypeId = "=", isActive = "=" } },
  may = { view = rules.view, create = rules.manage, change = rules.manage, delete = rules.manage },
  refuse = { RequirementType_providerTypeId_slug_key = "slug_taken" },
  in_use = { RequirementSubmission_requirementTypeId_fkey = "submissions" },
  check = validation.check,
}
