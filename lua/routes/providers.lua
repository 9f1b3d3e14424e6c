-- Providers as patients see them.
local answers = require "validation.answers"
local cursor = require "mb.cursor"
local db = require "mb.db"
local json = require "mb.json"
local problem = require "mb.problem"
local providers = require "queries.providers"
local validation = require "validation.providers"

return {
  {
    method = "GET", path = "/v1/providers", permission = "public",
    summary = "Providers that can be booked, with their next free slot",
    query = validation.list,
    responses = { [200] = answers.providers },
    handler = function(req)
      local q = req.query
      local after_name, after_id = cursor.decode(q.cursor, "text", "text")
      local rows = db.query(providers.list, q.type, q.service, q.location, q.language, q.online, q.limit + 1,
        after_name, after_id)
      local last = rows:keep(q.limit) and rows[#rows]
      return { data = rows, nextCursor = last and cursor.encode(last.name, last.id) or json.null }
    end,
  },
  {
    method = "GET", path = "/v1/providers/{id}", permission = "public",
    summary = "One provider with services, prices, languages and locations",
    responses = { [200] = answers.provider },
    handler = function(req)
      return db.query(providers.get, req.params.id)[1]
        or problem(404, "not_found", "provider not found")
    end,
  },
}
