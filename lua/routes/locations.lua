-- Locations are added to their organization and closed, never deleted; what is plain about them is
-- lua/resources/locations.lua.
local conditional = require "mb.conditional"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local locations = require "queries.locations"
local resource = require "resources.locations"
local workflow = require "workflows.locations"

return {
  {
    method = "POST", path = "/v1/organizations/{id}/locations", permission = "locations.create",
    subject = function(req) return db.query(locations.place, req.params.id)[1] end,
    summary = "Add a location to an organization", body = resource.created, headers = { idempotency.HEADER },
    sends = {
      conditional.ETAG, { name = "Location", description = "path of the new location",
                          example = "/v1/locations/cm3b0q8zk0000v9l4h2d7x1ab" },
    },
    responses = { [201] = resource.answer }, errors = { [409] = { "organization_out_of_service", "place_taken" } },
    handler = function(req, organization)
      local made = workflow.create(req, organization.organizationId)
      return 201, json.raw(made.body), {
        ETag = conditional.etag(made.version), Location = "/v1/locations/" .. made.id,
      }
    end,
  },
  {
    method = "DELETE", path = "/v1/locations/{id}", permission = "locations.manage",
    subject = function(req) return db.query(locations.one, req.params.id)[1] end,
    summary = "Close a location",
    description = "While availabilities or bookings ahead, configurations or subscriptions are of it: 409 in_use, and "
      .. "`holders` names which. It stays for those who look back, and nobody offers anything there.",
    headers = { conditional.DEMANDED }, responses = { [204] = false }, errors = { [409] = { "in_use" } },
    handler = function(req, location)
      conditional.demand(req, location.version)
      workflow.close(req, location.id, location.version)
      return 204
    end,
  },
}
