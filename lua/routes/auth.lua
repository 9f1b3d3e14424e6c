-- The way into an account: registration, links in mails, signing in and out.
local accounts = require "workflows.accounts"
local answers = require "validation.answers"
local config = require "mb.config"
local session = require "workflows.session"
local validation = require "validation.auth"

config.declare("auth.link_rate_address", {
  type = "integer", default = 60, least = 0, most = 1000000,
  help = "registrations and requests for links by mail in an hour from one IPv4 address or one /64 of IPv6; 0 = any "
    .. "number",
})

-- Each is counted by itself.
local LIMIT <const> = { per = "address", requests = "auth.link_rate_address", window = "1h" }

local NO_STORE <const> = { ["Cache-Control"] = "no-store" }

return {
  {
    method = "POST", path = "/v1/auth/register", permission = "public",
    summary = "Ask for an account; a mail says how it begins",
    description = "The answer is the same whether the address has an account. Nobody signs in before `verify-email`; "
      .. "until then another registration of the address takes the place of this one.",
    body = validation.register, limit = LIMIT, responses = { [202] = false }, errors = { [429] = { "login_busy" } },
    handler = function(req)
      accounts.register(req)
      return 202
    end,
  },
  {
    method = "POST", path = "/v1/auth/verify-email", permission = "public",
    summary = "Use the link of a mail: the address is the account's from now on",
    description = "The password is the one that was registered: whoever only reads the mail opens nobody's account.",
    body = validation.verify, responses = { [204] = false },
    errors = {
      [401] = { "invalid_token" }, [403] = { "wrong_password" }, [409] = { "token_used" },
      [429] = { "too_many_attempts", "login_busy" },
    },
    handler = function(req)
      accounts.verify_email(req)
      return 204
    end,
  },
  {
    method = "POST", path = "/v1/auth/resend-verification", permission = "public",
    summary = "Have the link that verifies an address sent again",
    body = validation.address, limit = LIMIT, responses = { [202] = false },
    handler = function(req)
      accounts.send_link_again(req, req.body.email)
      return 202
    end,
  },
  {
    method = "POST", path = "/v1/auth/login", permission = "public",
    summary = "Sign in; the answer holds the session token to send as Bearer",
    body = validation.login, responses = { [200] = answers.session },
    errors = {
      [401] = { "invalid_credentials" }, [403] = { "account_locked" }, [429] = { "too_many_attempts", "login_busy" },
    },
    handler = function(req)
      return 200, accounts.sign_in(req), NO_STORE
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
  {
    method = "POST", path = "/v1/auth/forgot-password", permission = "public",
    summary = "Have a link sent that sets a new password",
    description = "The answer is the same whether the address has an account.",
    body = validation.address, limit = LIMIT, responses = { [202] = false },
    handler = function(req)
      accounts.forgot_password(req)
      return 202
    end,
  },
  {
    method = "POST", path = "/v1/auth/reset-password", permission = "public",
    summary = "Set a new password by the link of a mail; every session ends",
    body = validation.reset, responses = { [204] = false },
    errors = { [401] = { "invalid_token" }, [409] = { "token_used" }, [429] = { "login_busy" } },
    handler = function(req)
      accounts.reset_password(req)
      return 204
    end,
  },
}
