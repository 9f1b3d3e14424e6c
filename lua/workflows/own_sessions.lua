-- The sessions of whoever is signed in. One lasts while it is used: auth.session_idle from its last use, and
-- auth.session_max in all.
local config = require "mb.config"
local crypto = require "mb.crypto"
local cursor = require "mb.cursor"
local db = require "mb.db"
local json = require "mb.json"
local problem = require "mb.problem"
local request = require "workflows.account_request"
local sessions = require "queries.sessions"

local function duration(key, default, help)
  return config.declare(key, { type = "duration", default = default, least = "1min", most = "365d", help = help })
end

local IDLE <const> = duration("auth.session_idle", "12h", "a session that nobody uses ends after this")
local LONGEST <const> = duration("auth.session_max", "30d", "a session ends after this, however much it is used")

-- A token of one; none that reads like a token of another kind, which one in some millions does.
local function new_token()
  local token
  repeat
    token = crypto.token()
  until not token:find "^mb[tk]_"
  return token
end

-- Notes that it is used, where that was noted some minutes ago. The request does not wait for it.
local function touch(session)
  if session.isStale then
    db.later(sessions.touch, session.id, IDLE, LONGEST)
  end
end

local function list(req)
  local limit, after = req.query.limit, cursor.decode(req.query.cursor, "text")
  local rows = db.query(sessions.of_user, req.user_id, req.session_id, limit + 1, after)
  local last = rows:keep(limit) and rows[#rows]
  return { data = rows, nextCursor = last and cursor.encode(last.id) or json.null }
end

local function missing()
  error(problem(404, "not_found", "session not found"))
end

local function get(req)
  return db.query(sessions.get, req.user_id, req.session_id, req.params.id)[1] or missing()
end

local function revoke(req)
  if db.query(sessions.revoke, request(req, { session = req.params.id }))[1].revoked == 0 then
    missing()
  end
end

local function revoke_others(req)
  db.query(sessions.revoke, request(req, { kept = req.session_id }))
end

return {
  IDLE = IDLE, LONGEST = LONGEST, new_token = new_token, touch = touch, list = list, get = get, revoke = revoke,
  revoke_others = revoke_others,
}
