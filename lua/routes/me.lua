-- One's own account.
local answers = require "validation.answers"
local conditional = require "mb.conditional"
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

return {
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
    summary = "Change your name or numbers",
    description = "A JSON merge patch (RFC 7396). A number that changes is not verified any more.",
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
