-- What the query and body of requirement routes may hold.
local id = { type = "string", minLength = 1, maxLength = 64, example = "cm3b0q8zk0000v9l4h2d7x1ab" }

local answer = {
  type = "object",
  required = { "requirementId" },
  properties = {
    requirementId = id,
    value = { type = "string", maxLength = 1000, example = "MP0123456",
      description = "true or false, a text, a number, a day such as 2026-11-26, or one choice" },
    values = { type = "array", maxItems = 50, items = { type = "string", maxLength = 200 }, description = "choices" },
    other = { type = "string", maxLength = 1000, description = "what the choice \"other\" means" },
    document = {
      type = "object",
      required = { "url" },
      properties = {
        url = { type = "string", maxLength = 2000 },
        fileName = { type = "string", maxLength = 255 },
        fileSize = { type = "integer", minimum = 0, description = "bytes" },
        fileType = { type = "string", maxLength = 100, description = "media type, as application/pdf" },
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
  },
}
