-- The way into an account through a provider of OpenID Connect, and what an account is linked to.
local answers = require "validation.answers"
local config = require "mb.config"
local me = require "validation.me"
local oidc = require "workflows.oidc"
local validation = require "validation.oidc"

config.declare("oidc.rate_address", {
  type = "integer", default = 120, least = 0, most = 1000000,
  help = "requests of each step of a sign-in through a provider in 10 minutes from one IPv4 address or one /64 of "
    .. "IPv6; 0 = any number",
})

local LIMIT <const> = { per = "address", requests = "oidc.rate_address", window = "10min" }

local NO_STORE <const> = { ["Cache-Control"] = "no-store" }

return {
  {
    method = "GET", path = "/v1/auth/oidc/{provider}/start", permission = "public",
    summary = "Send a browser to a provider to sign in",
    description = "For browsers: a page leads here. It gets the browser back at `return`, with `#code=` and what "
      .. "`POST /v1/auth/oidc/exchange` takes, or with `#error=` and one of `access_denied`, `email_not_verified`, "
      .. "`sign_in_refused`, `provider_unavailable`, `invalid_state`. A page takes a code only when it has begun a "
      .. "sign-in itself: whoever leads somebody to it with a code of their own would have them use their account.",
    params = validation.provider, query = validation.start, limit = LIMIT, responses = { [302] = false },
    handler = oidc.start,
  },
  {
    method = "GET", path = "/v1/auth/oidc/{provider}/callback", permission = "public",
    summary = "Where the provider sends the browser back to",
    description = "Its query is that of OpenID Connect. Without the cookie that the sign-in began with there is "
      .. "nowhere to send the browser on to.",
    params = validation.provider, limit = LIMIT, responses = { [302] = false },
    errors = { [400] = { "invalid_state", "invalid_query" } },
    handler = oidc.callback,
  },
  {
    method = "POST", path = "/v1/auth/oidc/exchange", permission = "public", auth = true,
    summary = "Get the session of a sign-in through a provider",
    description = "The code works once, within a minute. When the sign-in began with `POST /v1/me/accounts/{id}`, a "
      .. "token of that account must be sent: it is linked now.",
    body = validation.exchange, limit = LIMIT, responses = { [200] = answers.session },
    errors = { [401] = { "invalid_sign_in" }, [403] = { "account_locked" }, [409] = { "account_linked" } },
    handler = function(req)
      return 200, oidc.exchange(req), NO_STORE
    end,
  },
  {
    method = "GET", path = "/v1/me/accounts", permission = "me.use",
    summary = "The accounts of providers that your account is linked to",
    query = me.page, responses = { [200] = answers.linked_accounts },
    handler = oidc.list,
  },
  {
    method = "POST", path = "/v1/me/accounts/{id}", permission = "me.use",
    summary = "Begin to link your account to one of a provider",
    description = "`id` is the name of the provider. Lead the browser to `url`, within five minutes; it comes back as "
      .. "from `start`.",
    body = validation.link, responses = { [200] = answers.link },
    errors = {
      [403] = { "wrong_password", "recent_sign_in_required" }, [429] = { "too_many_attempts", "login_busy" },
    },
    handler = function(req)
      return 200, oidc.begin_link(req), NO_STORE
    end,
  },
  {
    method = "DELETE", path = "/v1/me/accounts/{id}", permission = "me.use",
    summary = "Unlink your account from one of a provider",
    description = "You must have signed in within the last 10 minutes, and have another way to do so.",
    responses = { [204] = false },
    errors = { [403] = { "recent_sign_in_required" }, [409] = { "last_credential" } },
    handler = function(req)
      oidc.unlink(req)
      return 204
    end,
  },
}
