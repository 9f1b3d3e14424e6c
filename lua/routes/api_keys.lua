-- Keys by which programs act for one.
local answers = require "validation.answers"
local api_keys = require "workflows.api_keys"
local validation = require "validation.me"

return {
  {
    method = "GET", path = "/v1/me/api-keys", permission = "me.use",
    summary = "The keys by which programs act for you, the newest first",
    query = validation.page, responses = { [200] = answers.api_keys },
    handler = api_keys.list,
  },
  {
    method = "POST", path = "/v1/me/api-keys", permission = "me.use",
    summary = "Make a key for a program; it is shown this once",
    description = "The key may what its permissions name, as far as you may that yourself when it is used. What is for "
      .. "everybody it may as nobody. `medbookd routes` lists permissions.",
    limit = { per = "caller", requests = 20, window = "1h" },
    body = validation.api_key, responses = { [201] = answers.new_api_key },
    errors = {
      [403] = { "wrong_password", "recent_sign_in_required" }, [429] = { "too_many_attempts", "login_busy" },
    },
    handler = function(req)
      return 201, api_keys.create(req), { ["Cache-Control"] = "no-store" }
    end,
  },
  {
    method = "DELETE", path = "/v1/me/api-keys/{id}", permission = "me.use",
    summary = "Revoke a key; its next request is refused",
    responses = { [204] = false },
    handler = function(req)
      api_keys.revoke(req)
      return 204
    end,
  },
}
