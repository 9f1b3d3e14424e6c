-- Who there is: roles of the platform, roles and permissions in an organization.
local vocabulary = require "mb.vocabulary"

return vocabulary.new {
  platform_roles = { "USER", "ADMIN", "SUPER_ADMIN" },
  organization_permissions = {
    "MANAGE_PROVIDERS", "MANAGE_BOOKINGS", "MANAGE_LOCATIONS", "MANAGE_STAFF", "VIEW_ANALYTICS", "MANAGE_BILLING",
    "RESPOND_TO_MESSAGES", "MANAGE_AVAILABILITY",
  },
  organization_roles = {
    { name = "STAFF", permissions = { "RESPOND_TO_MESSAGES" } },
    { name = "MANAGER", permissions = { "MANAGE_BOOKINGS", "MANAGE_AVAILABILITY", "RESPOND_TO_MESSAGES" } },
    { name = "ADMIN", permissions = {
      "MANAGE_PROVIDERS", "MANAGE_BOOKINGS", "MANAGE_LOCATIONS", "MANAGE_STAFF", "VIEW_ANALYTICS",
      "RESPOND_TO_MESSAGES", "MANAGE_AVAILABILITY",
    } },
    { name = "OWNER", permissions = {
      "MANAGE_PROVIDERS", "MANAGE_BOOKINGS", "MANAGE_LOCATIONS", "MANAGE_STAFF", "VIEW_ANALYTICS", "MANAGE_BILLING",
      "RESPOND_TO_MESSAGES", "MANAGE_AVAILABILITY",
    } },
  },
}
