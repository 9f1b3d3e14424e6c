-- What example.plugin is, and what it does. README of the server, "A plugin", says what may stand here.
local medbookd = require "medbookd"

return {
  api = 1,
  name = "example.plugin",
  version = "0.1.0",
  summary = "counts bookings by the hour and greets whoever asks",
  capabilities = { "routes", "hooks", "state" },
  config = {
    type = "object",
    properties = { greeting = { type = "string", maxLength = 100, default = "Good day" } },
  },

  routes = {
    {
      method = "GET",
      path = "/v1/plugins/example.plugin/greeting",
      summary = "A greeting, and how many bookings there were",
      permission = "public",
      handler = function()
        return { text = medbookd.config().greeting, bookings = medbookd.state.get "bookings" or 0 }
      end,
    },
  },

  hooks = {
    {
      on = "POST /v1/bookings",
      when = "after",
      handler = function()
        medbookd.state.set("bookings", (medbookd.state.get "bookings" or 0) + 1)
      end,
    },
  },
}
