-- What a provider takes for its services, and how long: one configuration for each service and location, by hand and
-- not as a resource, as each change locks the provider's timeline first and shows in its slots.
local answers = require "validation.answers"
local configs = require "queries.service_configs"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local permit = require "mb.permit"
local rules = require "permissions.service_configs"
local validation = require "validation.service_configs"
local workflow = require "workflows.service_configs"

local ALL <const> = "/v1/providers/{id}/service-configs"
local ONE <const> = ALL .. "/{configId}"

local function owner(req) return db.query(configs.owner, req.params.id)[1] end

-- Whether the caller keeps the provider's configurations.
local function is_keeper(req)
  return permit.judge(req, { providerId = req.params.id }):allows(rules.manage)
end

local function find(req) return db.query(configs.get, req.params.id, is_keeper(req), req.params.configId)[1] end

return {
  {
    method = "GET", path = ALL, permission = "service_configs.view", subject = owner, auth = true,
    summary = "What a provider takes for its services",
    description = "The provider and administrators see retired ones too, and prices that others are not shown.",
    query = validation.list, responses = { [200] = answers.service_configs },
    handler = function(req, provider)
      local limit = req.query.limit
      local after, after_id = cursor.decode(req.query.cursor, "instant", "text")
      local rows = db.query(configs.list, provider.providerId, is_keeper(req), limit + 1, after, after_id)
      local last = rows:keep(limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.createdAt, last.id) or json.null }
    end,
  },
  {
    method = "POST", path = ALL, permission = "service_configs.manage", subject = owner,
    summary = "Say what a provider takes for a service",
    description = "At a location, or at no place in particular. The service is of one of the provider's types, the "
      .. "organization of the location works with the provider.",
    body = validation.create, headers = { idempotency.HEADER },
    sends = {
      conditional.ETAG, { name = "Location", description = "path of the new configuration",
                          example = "/v1/providers/cm3b0…/service-configs/cm3b1…" },
    },
    responses = { [201] = answers.service_config }, errors = { [409] = { "config_exists", "not_connected" } },
    handler = function(req, provider)
      local made = workflow.create(req, provider.providerId)
      return 201, json.raw(made.body), {
        ETag = conditional.etag(made.version),
        Location = ("/v1/providers/%s/service-configs/%s"):format(provider.providerId, made.id),
      }
    end,
  },
  {
    method = "GET", path = ONE, permission = "service_configs.view", subject = find, auth = true,
    summary = "What a provider takes for one service", sends = { conditional.ETAG },
    responses = { [200] = answers.service_config },
    handler = function(_, row) return 200, row, { ETag = conditional.etag(row.version) } end,
  },
  {
    method = "PATCH", path = ONE, permission = "service_configs.manage", subject = find,
    summary = "Change what a provider takes for a service",
    description = "A JSON merge patch (RFC 7396). A price counts at once for all slots that nobody has booked, a "
      .. "duration, and how people meet, for slots that are cut from then on. What is retired is not shown any more, "
      .. "and nothing of it can be booked, until it is taken up again.",
    body = validation.change, headers = { conditional.DEMANDED }, sends = { conditional.ETAG },
    responses = { [200] = answers.service_config }, errors = { [409] = { "not_connected" } },
    handler = function(req, row)
      conditional.demand(req, row.version)
      if next(req.body) == nil then
        return 200, row, { ETag = conditional.etag(row.version) }
      end
      local done = workflow.change(req, row)
      return 200, json.raw(done.body), { ETag = conditional.etag(done.version) }
    end,
  },
  {
    method = "DELETE", path = ONE, permission = "service_configs.manage", subject = find,
    summary = "Remove a configuration that was never used",
    description = "One that was used is retired, by a change of `isActive`.",
    headers = { conditional.DEMANDED }, responses = { [204] = false }, errors = { [409] = { "in_use" } },
    handler = function(req, row)
      conditional.demand(req, row.version)
      workflow.delete(req, row)
      return 204
    end,
  },
}
