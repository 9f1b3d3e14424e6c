-- Signing in and out, and who a token belongs to. Sessions are opaque 256-bit tokens of which
-- the database holds the SHA-256 only.
local config = require "mb.config"
local crypto = require "mb.crypto"
local db = require "mb.db"
local json = require "mb.json"
local manage_token = require "mb.manage_token"
local problem = require "mb.problem"
local sessions = require "queries.sessions"
local users = require "queries.users"

local LIFETIME <const> = config.declare("auth.session_lifetime", {
  type = "duration", default = "12h", least = "1min", most = "365d", help = "how long a sign-in lasts",
})

-- Verified against when the address is unknown, so that both cases take the same time.
local NOBODY <const> = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
  .. "5Cyz9tE0D0l2lQyA4Cn1lGfYxP9r0s0mS0yJ1n1pJ0E"

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
end

-- Whether whoever calls is a provider or works for an organization.
local function is_staff(req)
  return req.provider_id ~= nil or req.memberships ~= nil
end

local function login(email, password)
  local user = db.query(users.by_email, email)[1]
  local hash = user and user.password or NOBODY
  if not crypto.verify_password(hash, password) or not user then
    error(problem(401, "invalid_credentials", "the e-mail address or the password is wrong"))
  end
  local token = crypto.token()
  local session = db.query(sessions.create, user.id, crypto.sha256(token), LIFETIME)[1]
  return { token = token, expiresAt = session.expiresAt, userId = user.id }
end

local function logout(token)
  db.query(sessions.delete, crypto.sha256(token))
end

return { authenticate = authenticate, is_staff = is_staff, login = login, logout = logout }
