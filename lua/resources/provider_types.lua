-- The kinds of provider that there are, as general practitioner.
local field = require "mb.field"
local rules = require "permissions.provider_types"

return require("mb.resource").new {
  name = "provider-types", table = "ProviderType",
  fields = {
    name = field.line { create = true, change = true, required = true, max = 100, example = "General practitioner" },
    slug = field.slug { create = true, filled = true, max = 100, example = "general-practitioner",
      description = "of its name, unless a new one says another" },
    description = field.text { create = true, change = true, nullable = true, max = 2000,
      example = "Treats what comes first." },
    isActive = field.boolean { create = true, change = true, default = true,
      description = "false: it is retired; nobody becomes one, and others do not see it" },
  },
  list = { sort = { "name", "-name" }, filter = { isActive = "=" } },
  may = { view = rules.view, create = rules.manage, change = rules.manage, delete = rules.manage },
  refuse = { ProviderType_name_key = "name_taken", ProviderType_slug_key = "slug_taken" },
  in_use = {
    Service_providerTypeId_fkey = "services", RequirementType_providerTypeId_fkey = "requirements",
    ProviderTypeAssignment_providerTypeId_fkey = "providers",
  },
}
