-- The routes of the bench (copied into lua/routes of its home folder): no database, a small table encoded anew
-- for each request. peers/nginx/hello.lua is the twin of the first; a plugin hooks on the second; the others have
-- what routes have: a parameter and a body that are checked, which of /bench/small is that of a step of a booking.
local bookings = require "validation.bookings"
local conditional = require "mb.conditional"
local db = require "mb.db"
local query = require "mb.query"

local function hello()
  return {
    id = "cm3b0q8zk0000v9l4h2d7x1ab",
    name = "Dr Noma Dlamini",
    city = "Johannesburg",
    online = true,
    status = "ACTIVE",
    minutes = 30,
    note = "first visit",
  }
end

-- What GET /v1/services/{id} does, by hand: also by `<type>.<slug>`, and without what is retired.
local service_by_id = query.read("bench.service", [[
SELECT "id", "name", "slug", "description", "providerTypeId", "displayPriority", "defaultDuration", "defaultPrice",
       "isActive", "version", "createdAt", "updatedAt"
  FROM "Service"
 WHERE "id" = coalesce((SELECT s."id" FROM "Service" s WHERE s."id" = $1),
                       (SELECT s."id" FROM "Service" s JOIN "ProviderType" t ON t."id" = s."providerTypeId"
                         WHERE t."slug" = split_part($1, '.', 1)
                           AND s."slug" = substr($1, length(split_part($1, '.', 1)) + 2)))]])
local text <const>, count <const> = { type = "string" }, { type = "integer" }
local service <const> = {
  type = "object",
  required = { "id", "name", "slug", "description", "providerTypeId", "displayPriority", "defaultDuration",
               "defaultPrice", "isActive", "version", "createdAt", "updatedAt" },
  properties = {
    id = text, name = text, slug = text, description = { type = "string", nullable = true }, providerTypeId = text,
    displayPriority = count, defaultDuration = count, defaultPrice = { type = "string", format = "decimal" },
    isActive = { type = "boolean" }, version = count, createdAt = { type = "string", format = "date-time" },
    updatedAt = { type = "string", format = "date-time" },
  },
}

return {
  {
    method = "GET", path = "/bench/services/{id}", summary = "a service", permission = "services.view",
    subject = function(req) return db.query(service_by_id, req.params.id)[1] end, sends = { conditional.ETAG },
    responses = { [200] = service },
    handler = function(_, row) return 200, row, { ETag = conditional.etag(row.version) } end,
  },
  { method = "GET", path = "/bench/hello", summary = "a small table as JSON", permission = "public", handler = hello },
  {
    method = "GET", path = "/bench/spin", summary = "what never ends", permission = "public",
    handler = function()
      while true do
      end
    end,
  },
  { method = "GET", path = "/bench/hooked", summary = "the same, hooked", permission = "public", handler = hello },
  {
    method = "POST",
    path = "/bench/small/{id}",
    summary = "a small body, checked",
    permission = "public",
    params = { id = { type = "string", minLength = 1, maxLength = 64 } },
    body = bookings.reason,
    handler = function(req)
      return { id = req.params.id, reason = req.body.reason }
    end,
  },
  {
    method = "POST",
    path = "/bench/form/{id}",
    summary = "a body of five fields, checked",
    permission = "public",
    params = { id = { type = "string", minLength = 1, maxLength = 64 } },
    body = {
      type = "object",
      required = { "name", "email" },
      properties = {
        name = { type = "string", format = "line", maxLength = 100 },
        email = { type = "string", format = "email" },
        minutes = { type = "integer", minimum = 5, maximum = 480 },
        online = { type = "boolean" },
        tags = { type = "array", maxItems = 10, items = { type = "string", format = "line", maxLength = 20 } },
      },
    },
    handler = function(req)
      return { id = req.params.id, name = req.body.name, online = req.body.online, minutes = req.body.minutes }
    end,
  },
}
