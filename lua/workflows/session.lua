-- Who a token belongs to, and signing out. Sessions are opaque 256-bit tokens of which
-- the database holds the SHA-256 only.
local api_key = require "mb.api_key"
local api_keys = require "queries.api_keys"
local crypto = require "mb.crypto"
local db = require "mb.db"
local json = require "mb.json"
local manage_token = require "mb.manage_token"
local own_sessions = require "workflows.own_sessions"
local problem = require "mb.problem"
local sessions = require "queries.sessions"

local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end

-- As mb.permit wants them; nil of a limit is any.
local function read_memberships(text)
  local made = {}
  for _, it in ipairs(json.decode(text)) do
    made[it.organizationId] = {
      role = it.role, permissions = set_of(it.permissions),
      locations = it.locations ~= json.null and set_of(it.locations) or nil,
      providers = it.providers ~= json.null and set_of(it.providers) or nil,
    }
  end
  return made
end

local function refuse_token()
  error(problem(401, "invalid_token", "this token is unknown or expired: sign in again",
    { headers = { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' } }))
end

local function note_caller(req, it)
  req.user_id, req.user_role, req.provider_id = it.userId, it.role, it.providerId
  req.memberships = it.memberships and read_memberships(it.memberships)
end

-- A program's key: what it may beside its owner's rights is req.key_permissions, a set of names of rules.
local function authenticate_key(req)
  local key = db.query(sessions.find_key, crypto.sha256(req.token))[1] or refuse_token()
  note_caller(req, key)
  local permissions = {}
  for name in key.permissions:gmatch "%S+" do
    permissions[name] = true
  end
  req.key_permissions = permissions
  if key.isStale then
    db.later(api_keys.touch, key.id)
  end
end

-- Notes who calls with a session token or a key (see mb.permit); a manage token is left to the rules.
local function authenticate(req)
  local token = req.token
  if not token or manage_token.is_one(token) then
    return
  elseif api_key.is_one(token) then
    return authenticate_key(req)
  end
  local session = db.query(sessions.find, crypto.sha256(token))[1] or refuse_token()
  note_caller(req, session)
  req.session_id = session.id
  own_sessions.touch(session)
end

-- Whether whoever calls is a provider or works for an organization.
local function is_staff(req)
  return req.provider_id ~= nil or req.memberships ~= nil
end

local function logout(token)
  db.query(sessions.delete, crypto.sha256(token))
end

return { authenticate = authenticate, is_staff = is_staff, logout = logout }
