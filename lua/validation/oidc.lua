-- What requests about signing in through a provider may hold.
local auth = require "validation.auth"

local page <const> = {
  type = "string", format = "verbatim", minLength = 1, maxLength = 300, example = "https://clinic.example",
  description = "where the browser goes back to: one of the origins that the operator lists",
}

return {
  provider = { provider = { type = "string", example = "google" } },
  start = {
    ["return"] = page, required = { "return" },
    link = { type = "string", maxLength = 1000, description = "of `url` that `POST /v1/me/accounts/{id}` answers" },
  },
  exchange = auth.body({ "code" }, {
    code = { type = "string", format = "verbatim", minLength = 1, maxLength = 200, example = "b1Zt3kQ…" },
  }),
  link = auth.body({ "return" }, { ["return"] = page, password = auth.typed "that of the account, if it has one" }),
}
