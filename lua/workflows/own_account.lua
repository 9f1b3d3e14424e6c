-- What somebody does with their own account. Whatever would give it away wants the password too, or, where it has none,
-- a session that has just begun.
local account_mails = require "workflows.account_mails"
local accounts = require "queries.accounts"
local db = require "mb.db"
local json = require "mb.json"
local links = require "workflows.links"
local passwords = require "workflows.passwords"
local problem = require "mb.problem"
local request = require "workflows.account_request"

local function refuse_password()
  error(problem(403, "wrong_password", "this is not the password of your account"))
end

-- The caller's account with the hash of its password, once it is sure that they are its owner.
local function prove(req, password)
  local own = db.query(accounts.own, req.user_id, req.session_id)[1]
  if not own then
    error(problem(401, "invalid_token", "this session has just ended: sign in again"))
  elseif own.password then
    if not passwords.verify(req, own.email or own.id, own.password, password or "") then
      refuse_password()
    end
  elseif not own.isRecent then
    error(problem(403, "recent_sign_in_required", "this account has no password: sign in again first"))
  end
  return own
end

-- Raises unless the session has just begun: for what cannot be sent with a password.
local function demand_recent(req)
  local own = db.query(accounts.own, req.user_id, req.session_id)[1]
  if not (own and own.isRecent) then
    error(problem(403, "recent_sign_in_required", "this needs a session that has just begun: sign in again first"))
  end
end

local function change(req, version)
  local text = request(req, { account = req.user_id, version = version, given = req.body })
  if not db.query(accounts.change, text)[1].isChanged then
    error(problem(412, "version_mismatch", "this was changed meanwhile: look at it again"))
  end
end

local function change_password(req)
  local own = prove(req, req.body.currentPassword)
  passwords.demand("/newPassword", req.body.newPassword, own.email, own.name)
  local text = request(req, {
    account = own.id, password = own.password, newPassword = passwords.hash(req, req.body.newPassword),
    session = req.session_id,
  })
  db.tx(function(tx)
    if not tx:query(accounts.change_password, text)[1].isChanged then
      refuse_password()
    end
    account_mails.tell("password-changed", { userId = own.id }, tx)
  end)
end

local function change_email(req)
  local own = prove(req, req.body.password)
  local about = links.new("verify", links.VERIFY_WITHIN)
  about.account, about.password, about.email = own.id, own.password, req.body.email
  local text = request(req, about)
  db.tx(function(tx)
    local done = tx:query(accounts.change_email, text)[1]
    if done.outcome == "changed" then
      refuse_password()
    elseif done.outcome == "taken" then
      account_mails.send("already-registered", req.body.email, done.holder, tx)
    else
      account_mails.send("change-email", req.body.email, own.id, tx)
    end
  end)
end

local function delete(req)
  local own = prove(req, req.body.password)
  local done = db.query(accounts.delete, request(req, { account = own.id, password = own.password }))[1]
  if done.outcome == "changed" then
    refuse_password()
  elseif done.outcome == "last_super_admin" then
    error(problem(409, "last_super_admin", "you are the last one who administers the platform"))
  elseif done.outcome ~= "deleted" then
    error(problem(409, "account_in_use", "give these up first, or hand them over",
      { members = { holders = json.decode(done.holders) } }))
  end
end

return {
  prove = prove, demand_recent = demand_recent, change = change, change_password = change_password,
  change_email = change_email, delete = delete,
}
