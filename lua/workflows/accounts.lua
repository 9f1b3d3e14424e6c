-- Accounts and the way into them: registration, links in mails, passwords, signing in. What an address has is told to
-- nobody who cannot read its mail: each step does the same work and gives the same answer, whether there is an account.
local account_mails = require "workflows.account_mails"
local accounts = require "queries.accounts"
local caller = require "mb.caller"
local crypto = require "mb.crypto"
local db = require "mb.db"
local links = require "workflows.links"
local mail_token = require "mb.mail_token"
local own_sessions = require "workflows.own_sessions"
local passwords = require "workflows.passwords"
local problem = require "mb.problem"
local rate = require "mb.rate"
local request = require "workflows.account_request"

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
  local about = links.new("verify", links.VERIFY_WITHIN)
  about.name, about.email, about.password = body.name, body.email, passwords.hash(req, body.password)
  local text = request(req, about)
  db.tx(function(tx)
    local made = tx:query(accounts.register, text)[1]
    account_mails.send(made.outcome == "known" and "already-registered" or "verify-email", body.email, made.account, tx)
  end)
end

local function send_link_again(req, email)
  local about = links.new("verify", links.VERIFY_WITHIN)
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
  local about = links.new("reset", links.RESET_WITHIN)
  about.email = email
  local text = request(req, about)
  db.tx(function(tx)
    account_mails.send("reset-password", email, tx:query(accounts.forgot_password, text)[1].account, tx)
  end)
end

local function reset_password(req)
  local digest = mail_token.digest(req.body.token)
  local row = db.query(accounts.reset, digest)[1]
  demand_link(row)
  passwords.demand("/password", req.body.password, row.email, row.name)
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

-- One row for many refusals of whoever this is: a flood of attempts is not to be one of rows.
local function note_refusal(req, user, who)
  if rate.take("refusals of sign-in", who, 1, 60000) then
    note_failure(req, user, "too_many_attempts")
  end
end

-- The account whose password was sent, or raises.
local function demand_user(req)
  local email, password, network = req.body.email, req.body.password, rate.network(req.client)
  passwords.admit(req, function() note_refusal(req, nil, network) end)
  local user = db.query(accounts.by_email, email)[1]
  local stored = user and user.password
  local is_right = passwords.verify(req, email, stored, password, function()
    note_refusal(req, user, network .. " " .. email:lower())
  end)
  if not is_right then
    note_failure(req, user, not user and "unknown_account" or not stored and "no_password" or "wrong_password")
    refuse_credentials()
  end
  return user
end

-- A session, once the password was right: token, outcome, expiresAt.
local function begin_session(req, user)
  local token = own_sessions.new_token()
  local done = db.query(accounts.sign_in, request(req, {
    account = user.id, password = user.password, email = req.body.email, tokenHash = crypto.sha256(token),
    idle = own_sessions.IDLE, longest = own_sessions.LONGEST,
  }))[1]
  return token, done.outcome, done.expiresAt
end

-- { token, expiresAt, userId }, or raises.
local function sign_in(req)
  local user, token, outcome, expires_at
  for _ = 1, 2 do -- again, if the password, or how it is hashed, has changed while it was judged
    user = demand_user(req)
    token, outcome, expires_at = begin_session(req, user)
    if outcome ~= "changed" then
      break
    end
  end
  if outcome == "locked" then
    error(problem(403, "account_locked", "this account is locked: ask the operator"))
  elseif outcome == "unverified" then
    send_link_again(req, req.body.email)
  end
  if outcome ~= "signed_in" then
    refuse_credentials()
  end
  if passwords.is_old(user.password) then
    db.later(accounts.renew, user.id, user.password, passwords.hash(req, req.body.password))
  end
  return { token = token, expiresAt = expires_at, userId = user.id }
end

return {
  register = register, send_link_again = send_link_again, verify_email = verify_email,
  forgot_password = forgot_password, reset_password = reset_password, sign_in = sign_in,
}
