-- What the query and body of requirement routes may hold.
local text = require "mb.text"
local with = require "mb.with"

local id = { type = "string", format = "line", maxLength = 64, example = "cm3b0q8zk0000v9l4h2d7x1ab" }

local answer = {
  type = "object",
  required = { "requirementId" },
  properties = {
    requirementId = with(id, { description = "its id or its slug" }),
    value = { type = "string", format = "verbatim", maxLength = 1000, example = "MP0123456", -- trimmed on demand
      description = "true or false, a text, a number, a day such as 2026-11-26, or one choice" },
    values = { type = "array", maxItems = 50, items = { type = "string", format = "line", maxLength = 200 },
      description = "choices" },
    other = { type = "string", format = "line", maxLength = 1000, description = "what the choice \"other\" means" },
    document = {
      type = "object",
      required = { "url" },
      properties = {
        url = { type = "string", format = "line", maxLength = 2000 },
        fileName = { type = "string", format = "line", maxLength = 255 },
        fileSize = { type = "integer", minimum = 0, description = "bytes" },
        fileType = { type = "string", format = "line", maxLength = 100,
          description = "media type, as application/pdf" },
      },
    },
  },
}

return {
  list = { organizationId = { type = "string", minLength = 1, maxLength = 64, description = "as it asks for them" } },
  check = {
    type = "object",
    required = { "answers" },
    properties = {
      organizationId = id,
      answers = { type = "array", maxItems = 100, items = answer },
    },
    -- What a line may not hold no answer may; whether it is trimmed is for its requirement to say.
    check = function(value, fail)
      for i, it in ipairs(value.answers) do
        local _, why = text.line(it.value or "-")
        if why then
          fail(("/answers/%d/value"):format(i - 1), why)
        end
      end
    end,
  },
}
