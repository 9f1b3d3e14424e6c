-- Sign in and out with e-mail and password.
local answers = require "validation.answers"
local session = require "workflows.session"
local validation = require "validation.auth"

return {
  {
    method = "POST", path = "/v1/auth/login", permission = "public",
    summary = "Sign in; the answer holds the session token to send as Bearer",
    body = validation.login,
    responses = { [200] = answers.session }, errors = { [401] = { "invalid_credentials" }, [503] = { "login_busy" } },
    handler = function(req)
      return 200, session.login(req.body.email, req.body.password), { ["Cache-Control"] = "no-store" }
    end,
  },
  {
    method = "POST", path = "/v1/auth/logout", permission = "me.use",
    summary = "End the session of the token sent",
    responses = { [204] = false },
    handler = function(req)
      session.logout(req.token)
      return 204
    end,
  },
}
