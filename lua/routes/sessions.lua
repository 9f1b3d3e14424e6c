-- Where one is signed in.
local answers = require "validation.answers"
local own_sessions = require "workflows.own_sessions"
local validation = require "validation.me"

return {
  {
    method = "GET", path = "/v1/me/sessions", permission = "me.use",
    summary = "The sessions of your account that have not ended, the newest first",
    query = validation.page, responses = { [200] = answers.sessions },
    handler = own_sessions.list,
  },
  {
    method = "GET", path = "/v1/me/sessions/{id}", permission = "me.use",
    summary = "One session of your account", responses = { [200] = answers.own_session },
    handler = own_sessions.get,
  },
  {
    method = "DELETE", path = "/v1/me/sessions", permission = "me.use",
    summary = "End all sessions of your account but the one that asks",
    responses = { [204] = false },
    handler = function(req)
      own_sessions.revoke_others(req)
      return 204
    end,
  },
  {
    method = "DELETE", path = "/v1/me/sessions/{id}", permission = "me.use",
    summary = "End one session of your account; its next request is refused",
    responses = { [204] = false },
    handler = function(req)
      own_sessions.revoke(req)
      return 204
    end,
  },
}
