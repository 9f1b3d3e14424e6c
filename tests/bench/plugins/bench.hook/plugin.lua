-- A hook that does nothing, for what a call of a plugin costs.
return {
  api = 1, name = "bench.hook", version = "1.0.0", capabilities = { "hooks" },
  hooks = { { on = "GET /bench/hooked", when = "before", handler = function() end } },
}
