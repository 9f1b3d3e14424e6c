-- What requests about answers of providers may hold, and how an answer is stored.
local json = require "mb.json"
local requirement_answer = require "validation.requirement_answer"
local text = require "mb.text"

-- One answer, as people send it.
local ANSWER <const> = {
  value = { type = "scalar", format = "verbatim", maxLength = 1000, example = "MP0123456", -- trimmed on demand
    description = "true or false, a text, a number, a day such as 2026-11-26, or one choice" },
  values = { type = "array", maxItems = 50, items = { type = "string", format = "line", maxLength = 200 },
    description = "choices" },
  other = { type = "string", format = "line", maxLength = 1000, description = "what the choice \"other\" means" },
}

-- What a line may not hold no answer may; whether it is trimmed is for its requirement to say.
local function check_answer(answer, at, fail)
  local _, why = text.line(type(answer.value) == "string" and answer.value or "-")
  if why then
    fail(at .. "/value", why)
  end
end

-- What the body of a PUT becomes: the answer as it is stored, or nil and an error { pointer, detail }. it: of
-- validation/compliance.lua.
local function stored(it, body)
  local type_name = it.row.validationType
  if type_name == "DOCUMENT" then
    return nil, { pointer = "/value", detail = "is a document: send its bytes to …/document" }
  elseif type_name ~= "PREDEFINED_LIST" and (body.values or body.other) then
    return nil, { pointer = body.values and "/values" or "/other", detail = "is of answers that choose from a list" }
  end
  local value, why = requirement_answer.judge(type_name, it.config, body, it.row.today)
  if value == nil then
    return nil, { pointer = body.values and "/values" or "/value", detail = why }
  elseif type_name == "PREDEFINED_LIST" then
    return { values = json.array(value.values), other = value.otherValue ~= "" and value.otherValue or nil }
  end
  return { value = value }
end

return {
  answer = ANSWER, check_answer = check_answer, stored = stored,
  put = {
    type = "object", title = "NewAnswer", properties = ANSWER, one_of = { { "value" }, { "values" } },
    check = function(body, fail)
      if body.value ~= nil and body.values then
        fail("/values", "stands beside value: send one of them")
      end
      check_answer(body, "", fail)
    end,
  },
  approve = { type = "object", properties = {} },
  reject = {
    type = "object", title = "Rejection", required = { "reason" },
    properties = {
      reason = { type = "string", format = "text", minLength = 1, maxLength = 1000,
        example = "The certificate is not legible.", description = "the provider reads it" },
      revoke = { type = "boolean", default = false,
        description = "true: also an approved copy of the answer does not count any more" },
    },
  },
  list = {
    status = { type = "string", enum = { "PENDING", "APPROVED", "REJECTED" }, default = "PENDING" },
    sort = { type = "string", enum = { "waiting" }, default = "waiting",
      description = "what waits longest comes first" },
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
