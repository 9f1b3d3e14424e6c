-- What the bodies of the steps of providers and organizations may hold.
local REASON <const> = {
  type = "string", format = "text", minLength = 1, maxLength = 1000, example = "The certificate is not legible.",
  description = "why, in words, which those whom it is about are told",
}

return {
  reason = { type = "object", title = "Decision", required = { "reason" }, properties = { reason = REASON } },
  optional_reason = { type = "object", properties = { reason = REASON } },
  none = { type = "object", properties = {} },
  history = {
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 512 },
  },
}
