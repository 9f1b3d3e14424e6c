-- Organizations register themselves; what is plain about them is lua/resources/organizations.lua.
local conditional = require "mb.conditional"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local resource = require "resources.organizations"
local workflow = require "workflows.organizations"

return {
  {
    method = "POST", path = "/v1/organizations", permission = "organizations.create",
    summary = "Register an organization",
    description = "You own it, and it waits for its approval then. Your own address must be verified.",
    body = resource.created, headers = { idempotency.HEADER },
    sends = {
      conditional.ETAG, { name = "Location", description = "path of the new organization",
                          example = "/v1/organizations/cm3b0q8zk0000v9l4h2d7x1ab" },
    },
    responses = { [201] = resource.answer }, errors = { [403] = { "email_not_verified" } },
    handler = function(req)
      local made = workflow.create(req)
      return 201, json.raw(made.body), {
        ETag = conditional.etag(made.version), Location = "/v1/organizations/" .. made.id,
      }
    end,
  },
}
