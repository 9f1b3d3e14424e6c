-- Providers as patients see them, and as they themselves and administrators do: one becomes one and changes it.
local answers = require "validation.answers"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local db = require "mb.db"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local permit = require "mb.permit"
local problem = require "mb.problem"
local providers = require "queries.providers"
local rules = require "permissions.providers"
local validation = require "validation.providers"
local workflow = require "workflows.providers"

-- Those of a status, for whoever decides about them.
local function desk(req)
  local q = req.query
  if not permit.judge(req, {}):allows(rules.decide) then
    permit.identify(rules.decide, req)
    error(problem(403, "not_allowed", "`status` is for administrators"))
  end
  local member = q.sort == "waiting" and "statusSince" or "name"
  local of, after, after_id = cursor.decode(q.cursor, "text", member == "name" and "text" or "instant", "text")
  if of and of ~= q.status .. " " .. q.sort then
    error(problem(400, "invalid_cursor", "this cursor is of another list: begin again without it"))
  end
  local rows = member == "name" and db.query(providers.of_status, q.status, q.limit + 1, after, after_id)
    or db.query(providers.waiting, q.limit + 1, after, after_id)
  local last = rows:keep(q.limit) and rows[#rows]
  return {
    data = rows, nextCursor = last and cursor.encode(q.status .. " " .. q.sort, last[member], last.id) or json.null,
  }
end

return {
  {
    method = "GET", path = "/v1/providers", permission = "public", auth = true,
    summary = "Providers that can be booked, with their next free slot",
    description = "With `status` those of one, for administrators: the desk of whoever decides about them.",
    query = validation.list,
    responses = { [200] = answers.providers },
    errors = { [401] = { "authentication_required" }, [403] = { "not_allowed" } },
    handler = function(req)
      local q = req.query
      if q.status then
        return desk(req)
      end
      local after_name, after_id = cursor.decode(q.cursor, "text", "text")
      local rows = db.query(providers.list, q.type, q.service, q.location, q.language, q.online, q.limit + 1,
        after_name, after_id)
      local last = rows:keep(q.limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.name, last.id) or json.null }
    end,
  },
  {
    method = "POST", path = "/v1/providers", permission = "providers.create",
    summary = "Become a provider",
    description = "Of the types that are named, each by its id or its slug; it waits for its approval then. Your own "
      .. "address must be verified.",
    body = validation.create, headers = { idempotency.HEADER },
    sends = {
      conditional.ETAG, { name = "Location", description = "path of the new provider",
                          example = "/v1/providers/cm3b0q8zk0000v9l4h2d7x1ab" },
    },
    responses = { [201] = answers.own_provider },
    errors = { [403] = { "email_not_verified" }, [409] = { "provider_exists" } },
    handler = function(req)
      local made = workflow.create(req)
      return 201, json.raw(made.body), {
        ETag = conditional.etag(made.version), Location = "/v1/providers/" .. made.id,
      }
    end,
  },
  {
    method = "PATCH", path = "/v1/providers/{id}", permission = "providers.change",
    subject = function(req) return db.query(providers.any, req.params.id)[1] end,
    summary = "Change what a provider says of itself", description = "A JSON merge patch (RFC 7396).",
    body = validation.change, headers = { conditional.DEMANDED }, sends = { conditional.ETAG },
    responses = { [200] = answers.own_provider },
    handler = function(req, row)
      conditional.demand(req, row.version)
      if next(req.body) ~= nil then
        row = workflow.change(req, row)
      end
      return 200, json.raw(row.body), { ETag = conditional.etag(row.version) }
    end,
  },
  {
    method = "PUT", path = "/v1/providers/{id}/types", permission = "providers.change",
    subject = function(req) return db.query(providers.any, req.params.id)[1] end,
    summary = "Say of which types a provider is",
    description = "These and no others. Once it is approved, what a new type asks is answered and approved before. A "
      .. "type goes once nothing of its services is offered or booked any more.",
    body = validation.types, headers = { conditional.DEMANDED }, sends = { conditional.ETAG },
    responses = { [200] = answers.own_provider }, errors = { [409] = { "requirements_incomplete", "in_use" } },
    handler = function(req, row)
      conditional.demand(req, row.version)
      local done = workflow.set_types(req, row)
      return 200, json.raw(done.body), { ETag = conditional.etag(done.version) }
    end,
  },
  {
    method = "GET", path = "/v1/me/provider", permission = "me.use",
    summary = "The provider that you are, in any status", sends = { conditional.ETAG },
    responses = { [200] = answers.own_provider }, errors = { [404] = { "not_found" } },
    handler = function(req)
      local own = db.query(providers.own, req.user_id)[1]
      if not own then
        return problem(404, "not_found", "you are no provider")
      end
      return 200, json.raw(own.body), { ETag = conditional.etag(own.version) }
    end,
  },
  {
    method = "GET", path = "/v1/providers/{id}", permission = "public", auth = true,
    summary = "One provider with services, prices, languages and locations",
    description = "Itself and administrators see it in any status, and its status.", sends = { conditional.ETAG },
    responses = { [200] = answers.provider },
    handler = function(req)
      local id = req.params.id
      local is_theirs = req.user_id and permit.judge(req, { id = id }):allows(rules.view)
      local row = db.query(is_theirs and providers.whole or providers.get, id)[1]
        or error(problem(404, "not_found", "provider not found"))
      return 200, row, is_theirs and { ETag = conditional.etag(row.version) } or nil
    end,
  },
}
