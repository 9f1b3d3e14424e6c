-- A hook that does nothing, for what a call of a plugin costs, and a route that never ends.
return {
  api = 1, name = "bench.hook", version = "1.0.0", capabilities = { "hooks", "routes" },
  hooks = { { on = "GET /bench/hooked", when = "before", handler = function() end } },
  routes = {
    {
      method = "GET", path = "/v1/plugins/bench.hook/spin", summary = "what never ends", permission = "public",
      handler = function()
        while true do
        end
      end,
    },
  },
}
