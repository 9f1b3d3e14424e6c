-- One's own account.
local answers = require "validation.answers"
local conditional = require "mb.conditional"
local contacts = require "workflows.contacts"
local db = require "mb.db"
local own_account = require "workflows.own_account"
local users = require "queries.users"
local validation = require "validation.me"

-- Of routes that want the password.
local REFUSALS <const> = { [403] = { "wrong_password", "recent_sign_in_required" },
                           [429] = { "too_many_attempts", "login_busy" } }

local function refusals(conflicts)
  return { [403] = REFUSALS[403], [429] = REFUSALS[429], [409] = conflicts }
end

local function mine(req)
  return db.query(users.profile, req.user_id)[1]
end

-- The two routes of a kind of numbers, "phone" or "whatsapp".
local function asking_for_code(kind, what)
  return {
    method = "POST", path = "/v1/me/" .. kind, permission = "me.use",
    summary = ("Have a code sent to another %s number, which is yours once it comes back"):format(what),
    description = "The code has six digits and works for 10 minutes; one that was sent before does no more. A day has "
      .. "three for you, and three for the number.",
    body = validation[kind], responses = { [202] = false },
    errors = { [429] = { "rate_limited" }, [503] = { "not_provided" } },
    handler = function(req)
      contacts.ask(req, kind)
      return 202
    end,
  }
end

local function verifying(kind, what)
  return {
    method = "POST", path = "/v1/me/verify-" .. kind, permission = "me.use",
    summary = ("Send the code back: the %s number is yours from now on"):format(what),
    description = "A code may be tried five times.",
    body = validation.code, responses = { [204] = false },
    errors = { [422] = { "invalid_code" }, [429] = { "too_many_attempts" } },
    handler = function(req)
      contacts.verify(req, kind)
      return 204
    end,
  }
end

return {
  asking_for_code("phone", "telephone"), verifying("phone", "telephone"),
  asking_for_code("whatsapp", "WhatsApp"), verifying("whatsapp", "WhatsApp"),
  {
    method = "GET", path = "/v1/me", permission = "me.use",
    summary = "Who the token belongs to", sends = { conditional.ETAG },
    responses = { [200] = answers.me },
    handler = function(req)
      local row = mine(req)
      return 200, row, { ETag = conditional.etag(row.version) }
    end,
  },
  {
    method = "PATCH", path = "/v1/me", permission = "me.use", subject = mine,
    summary = "Change your name, or take a number away",
    description = "A JSON merge patch (RFC 7396). A new number wants to be verified: `POST /v1/me/phone`, `/whatsapp`.",
    body = validation.change, headers = { conditional.DEMANDED }, sends = { conditional.ETAG },
    responses = { [200] = answers.me },
    handler = function(req, row)
      conditional.demand(req, row.version)
      if next(req.body) ~= nil then
        own_account.change(req, row.version)
        row = mine(req)
      end
      return 200, row, { ETag = conditional.etag(row.version) }
    end,
  },
  {
    method = "POST", path = "/v1/me/change-password", permission = "me.use",
    summary = "Set another password; your other sessions end",
    body = validation.change_password, responses = { [204] = false }, errors = refusals(),
    handler = function(req)
      own_account.change_password(req)
      return 204
    end,
  },
  {
    method = "POST", path = "/v1/me/change-email", permission = "me.use",
    summary = "Have a link sent to another address, which takes the place of yours once it is used",
    description = "The answer is the same whether the address has an account.",
    limit = { per = "caller", requests = 20, window = "1h" },
    body = validation.change_email, responses = { [202] = false }, errors = refusals(),
    handler = function(req)
      own_account.change_email(req)
      return 202
    end,
  },
  {
    method = "POST", path = "/v1/me/delete", permission = "me.use",
    summary = "Delete your account: what others refer to stays, without your name",
    body = validation.delete, responses = { [204] = false },
    errors = refusals { "account_in_use", "last_super_admin" },
    handler = function(req)
      own_account.delete(req)
      return 204
    end,
  },
}
