-- What becomes of a provider and who decides it.
return require("workflows.subscriber_steps") {
  resource = "providers", enum = "ProviderStatus", tells = "provider", rules = require "permissions.providers",
}
