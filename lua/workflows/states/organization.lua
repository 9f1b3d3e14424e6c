-- What becomes of an organization and who decides it.
return require("workflows.subscriber_steps") {
  resource = "organizations", enum = "OrganizationStatus", tells = "organization",
  rules = require "permissions.organizations",
}
