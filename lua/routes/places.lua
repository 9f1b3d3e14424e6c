-- Places by what people write, from the plugin that knows them.
local answers = require "validation.answers"
local provisions = require "workflows.provisions"

return {
  {
    method = "GET", path = "/v1/places", permission = "places.search",
    summary = "Places that fit a text, for the address of a location",
    query = {
      text = { type = "string", format = "line", minLength = 2, maxLength = 200, description = "what was typed" },
      limit = { type = "integer", minimum = 1, maximum = 20, default = 5 },
      required = { "text" },
    },
    responses = {
      [200] = answers.object("Places", { "data", { type = "array", items = provisions.PLACE } }),
    },
    errors = { [502] = { "provider_failed" }, [503] = { "not_provided" } },
    handler = function(req)
      local limit = req.query.limit
      local found = provisions.ask(provisions.find "places", "search", { text = req.query.text, limit = limit })
      return { data = table.move(found.places, 1, math.min(#found.places, limit), 1, {}) }
    end,
  },
}
