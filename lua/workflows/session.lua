-- Who a token belongs to, and signing out. Sessions are opaque 256-bit tokens of which
-- the database holds the SHA-256 only.
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

-- Notes who calls with a session token (see mb.permit); a manage token is left to the rules.
local function authenticate(req)
  local token = req.token
  if not token or token:sub(1, #manage_token.PREFIX) == manage_token.PREFIX then
    return
  end
  local session = db.query(sessions.find, crypto.sha256(token))[1]
  if not session then
    error(problem(401, "invalid_token", "this token is unknown or expired: sign in again",
      { headers = { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' } }))
  end
  req.user_id, req.user_role, req.provider_id = session.userId, session.role, session.providerId
  local memberships = session.memberships
  req.memberships = memberships and read_memberships(memberships)
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
