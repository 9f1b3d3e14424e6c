-- What the query and body of requirement routes may hold.
local submissions = require "validation.submissions"
local with = require "mb.with"

local id = { type = "string", format = "line", maxLength = 64, example = "cm3b0q8zk0000v9l4h2d7x1ab" }

local answer = {
  type = "object",
  required = { "requirementId" },
  properties = {
    requirementId = with(id, { description = "its id or its slug" }),
    value = submissions.answer.value, values = submissions.answer.values, other = submissions.answer.other,
    document = {
      type = "object", description = "as it would be sent in: its bytes are looked at then",
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
    check = function(value, fail)
      for i, it in ipairs(value.answers) do
        submissions.check_answer(it, ("/answers/%d"):format(i - 1), fail)
      end
    end,
  },
}
