-- Accounts and the way into them: registration, links in mails, passwords, signing in. What an address has is told to
-- nobody who cannot read its mail: each step does the same work and gives the same answer, whether there is an account.
local account_mails = require "workflows.account_mails"
local accounts = require "queries.accounts"
local caller = require "mb.caller"
local config = require "mb.config"
local crypto = require "mb.crypto"
local db = require "mb.db"
local id = require "mb.id"
local json = require "mb.json"
local mail_token = require "mb.mail_token"
local own_sessions = require "workflows.own_sessions"
local password_rule = require "mb.password"
local passwords = require "workflows.passwords"
local problem = require "mb.problem"
local rate = require "mb.rate"

local function duration(key, default, help)
  return config.declare(key, { type = "duration", default = default, least = "1min", most = "365d", help = help })
end

local VERIFY_WITHIN <const> = duration("auth.verify_within", "24h", "how long a link that verifies an address works")
local RESET_WITHIN <const> = duration("auth.reset_within", "1h", "how long a link that sets a new password works")

-- The statement's request: who asks, and what about.
local function request(req, about)
  local made = caller.of(req)
  for key, value in pairs(about) do
    made[key] = value
  end
  return json.encode(made)
end

-- A link of this kind that does not exist yet: { tokenId, token, validFor } for a request.
local function new_link(kind, within)
  local token_id = id.cuid()
  return { tokenId = token_id, token = mail_token.digest(mail_token.make(kind, token_id)), validFor = within }
end

local function refuse_link(outcome)
  if outcome == "token_used" then
    error(problem(409, "token_used", "this link was used already"))
  end
  error(problem(401, "invalid_token", "this link is unknown, has expired, or a newer one has taken its place"))
end

-- Raises unless the row of a link may be used.
local function demand_link(row)
  if not row then
    refuse_link "invalid_token"
  elseif row.isUsed then
    refuse_link "token_used"
  elseif not row.isFresh then
    refuse_link "invalid_token"
  end
end

-- ---- registration ----

local function register(req)
  local body = req.body
  local about = new_link("verify", VERIFY_WITHIN)
  about.name, about.email, about.password = body.name, body.email, passwords.hash(req, body.password)
  local text = request(req, about)
  db.tx(function(tx)
    local made = tx:query(accounts.register, text)[1]
    account_mails.send(made.outcome == "known" and "already-registered" or "verify-email", body.email, made.account, tx)
  end)
end

local function send_link_again(req, email)
  local about = new_link("verify", VERIFY_WITHIN)
  about.email = email
  local text = request(req, about)
  db.tx(function(tx)
    account_mails.send("verify-email", email, tx:query(accounts.link_again, text)[1].account, tx)
  end)
end

local function verify_email(req)
  local digest = mail_token.digest(req.body.token)
  local row = db.query(accounts.verification, digest)[1]
  demand_link(row)
  if row.password and not passwords.verify(req, row.email or "", row.password, req.body.password or "") then
    error(problem(403, "wrong_password", "this is not the password of the account that the link is for"))
  end
  local text = request(req, { token = digest, password = row.password })
  db.tx(function(tx)
    local done = tx:query(accounts.verify_email, text)[1]
    if done.outcome == "changed" then
      account_mails.tell("email-changed", { tokenId = done.link }, tx)
    elseif done.outcome ~= "verified" then
      refuse_link(done.outcome)
    end
  end)
end

-- ---- passwords ----

local function forgot_password(req)
  local email = req.body.email
  local about = new_link("reset", RESET_WITHIN)
  about.email = email
  local text = request(req, about)
  db.tx(function(tx)
    account_mails.send("reset-password", email, tx:query(accounts.forgot_password, text)[1].account, tx)
  end)
end

-- Raises the 422 of a password that may not be this account's.
local function demand_password(pointer, password, email, name)
  local why = password_rule.refusal(password, email, name)
  if why then
    error(problem(422, "validation_failed", "the password may not be used",
      { errors = { { pointer = pointer, detail = why } } }))
  end
end

local function reset_password(req)
  local digest = mail_token.digest(req.body.token)
  local row = db.query(accounts.reset, digest)[1]
  demand_link(row)
  demand_password("/password", req.body.password, row.email, row.name)
  local text = request(req, { token = digest, password = passwords.hash(req, req.body.password) })
  db.tx(function(tx)
    local done = tx:query(accounts.reset_password, text)[1]
    if done.outcome ~= "reset" then
      refuse_link(done.outcome)
    end
    account_mails.tell("password-changed", { userId = done.account }, tx)
  end)
end

-- ---- signing in ----

local function refuse_credentials()
  error(problem(401, "invalid_credentials", "the e-mail address or the password is wrong"))
end

-- The reason for the log of attempts.
local function note_failure(req, user, reason)
  local who = caller.of(req)
  db.query(accounts.failed, user and user.id, req.body.email, who.address, who.agent, reason)
end

-- { token, expiresAt, userId }, or raises.
local function sign_in(req)
  local email, password = req.body.email, req.body.password
  local user = db.query(accounts.by_email, email)[1]
  local stored = user and user.password
  local is_right = passwords.verify(req, email, stored, password, function()
    -- One row for many: a flood of attempts is not to be one of rows.
    if rate.take("refusals of sign-in", rate.network(req.client) .. " " .. email:lower(), 1, 60000) then
      note_failure(req, user, "too_many_attempts")
    end
  end)
  if not is_right then
    note_failure(req, user, not user and "unknown_account" or not stored and "no_password" or "wrong_password")
    refuse_credentials()
  end
  local token = crypto.token()
  local done = db.query(accounts.sign_in, request(req, {
    account = user.id, password = stored, email = email, tokenHash = crypto.sha256(token), idle = own_sessions.IDLE,
    longest = own_sessions.LONGEST,
  }))[1]
  if done.outcome == "locked" then
    error(problem(403, "account_locked", "this account is locked: ask the operator"))
  elseif done.outcome == "unverified" then
    send_link_again(req, email)
  end
  if done.outcome ~= "signed_in" then
    refuse_credentials()
  end
  return { token = token, expiresAt = done.expiresAt, userId = user.id }
end

return {
  register = register, send_link_again = send_link_again, verify_email = verify_email,
  forgot_password = forgot_password, reset_password = reset_password, sign_in = sign_in,
}
