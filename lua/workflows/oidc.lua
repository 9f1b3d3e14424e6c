-- Signing in through providers of OpenID Connect. What one sign-in needs to know of itself travels in a cookie of the
-- browser, under the server's key, so that any worker of any machine may go on with it:
--
--   start     seals the cookie, and sends the browser to the provider
--   callback  holds what comes back to the cookie, has the provider vouch, keeps whom for, and sends the browser to
--             the page that it came from, with a code, or with an error, behind #, which browsers send to nobody
--   exchange  the page's own request, gives a session for the code
--
-- To link a provider to an account takes the same way. It begins with a ticket, which the account's owner is given, and
-- ends only for them: a browser that was tricked into it has not their token.
local accounts = require "queries.accounts"
local caller = require "mb.caller"
local config = require "mb.config"
local crypto = require "mb.crypto"
local cursor = require "mb.cursor"
local db = require "mb.db"
local json = require "mb.json"
local log = require "mb.log"
local oidc = require "mb.oidc"
local own_account = require "workflows.own_account"
local own_sessions = require "workflows.own_sessions"
local problem = require "mb.problem"
local queries = require "queries.oidc"
local request = require "workflows.account_request"
local sealed = require "mb.sealed"
local text = require "mb.text"

local COOKIE_LASTS <const>, TICKET_LASTS <const> = 600, 300 -- seconds
local CODE_LASTS <const> = "60s"
local MAX_NAME <const> = 100 -- characters, as of registrations

local IS_SECURE <const> = config "http.public_url":find "^https://" ~= nil
-- Of a name with this beginning browsers take no other cookie than ours: over TLS, for this host alone.
local COOKIE <const> = IS_SECURE and "__Host-oidc" or "oidc"

-- ---- configuration ----

local function words_of(list)
  local made = {}
  for word in list:gmatch "[^, \t]+" do
    made[#made + 1] = word
  end
  return made
end

local function declare(key, kind, help)
  return config.declare(key, { type = kind, default = "", help = help })
end

local PROVIDERS <const> = declare("oidc.providers", "text",
  "providers of OpenID Connect that people may sign in through, such as \"google, other\": each a name for paths and "
  .. "for the keys oidc.<name>.issuer, .client_id and .client_secret_file")
local RETURN_ORIGINS <const> = declare("oidc.return_origins", "origins",
  "origins of the pages that a sign-in may begin at and go back to; they are given the code of a session")

local function client_of(name)
  local function key(what) return ("oidc.%s.%s"):format(name, what) end
  if not name:find "^%l[%l%d_]*$" or #name > 20 then
    error(("oidc.providers: '%s' is no name: 20 small letters, digits and _ at most, a letter first"):format(name), 0)
  end
  local issuer = declare(key "issuer", "text",
    "its issuer, exactly as it calls itself, such as https://accounts.google.com")
  local id = declare(key "client_id", "text", "what it knows this installation by")
  local secret = declare(key "client_secret_file", "secret",
    "a file that holds the secret which it has given for that, in its first line")
  if not oidc.is_safe(issuer) or issuer:find "[?#]" then
    error(key "issuer" .. ": must be an https:// address, or an http:// one of this machine, without ? and #", 0)
  elseif id == "" or secret == "" then
    error(("%s: needs %s and %s"):format(key "issuer", key "client_id", key "client_secret_file"), 0)
  end
  return oidc.new(issuer, id, secret, ("%s/v1/auth/oidc/%s/callback"):format(config "http.public_url", name))
end

local clients = {}
for _, name in ipairs(words_of(PROVIDERS)) do
  if clients[name] then
    error(("oidc.providers: '%s' is there twice"):format(name), 0)
  end
  clients[name] = client_of(name)
end

local origins = {}
for _, origin in ipairs(words_of(RETURN_ORIGINS)) do
  if origin == "*" then
    error("oidc.return_origins: every origin would be given sessions: name those that are yours", 0)
  end
  origins[origin] = true
end

-- ---- small ----

local function find_client(name)
  return clients[name] or error(problem(404, "not_found", "there is no such provider to sign in through"))
end

-- Raises unless it is one of the origins, to the letter: then nothing else can be made of it.
local function demand_origin(pointer, origin)
  if not origins[origin] then
    error(problem(422, "validation_failed", "this page may not be returned to",
      { errors = { { pointer = pointer, detail = "is none of oidc.return_origins" } } }))
  end
end

-- The value of our cookie among those that a browser sent.
local function cookie_of(req)
  local sent = req:header "cookie" or ""
  for pair in sent:gmatch "[^;,]+" do
    local name, value = pair:match "^%s*([^=]+)=(.-)%s*$"
    if name == COOKIE then
      return value
    end
  end
end

local function set_cookie(value, lasts)
  return ("%s=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s"):format(COOKIE, value, lasts,
    IS_SECURE and "; Secure" or "")
end

local function redirect(url, cookie)
  return 302, nil, {
    Location = url, ["Set-Cookie"] = cookie, ["Cache-Control"] = "no-store", ["Referrer-Policy"] = "no-referrer",
  }
end

-- What goes to the provider and comes back: made again from the sign-in's random part, so that no one has it from the
-- cookie.
local function secret_of(purpose, sign_in)
  return crypto.hmac("oidc " .. purpose, sign_in.random)
end

-- ---- the way there ----

local function start(req)
  local name = req.params.provider
  local client = find_client(name)
  local back, user = req.query["return"], nil
  demand_origin("/return", back)
  if req.query.link then
    local ticket = sealed.open("oidc ticket", req.query.link)
    if not ticket or ticket.provider ~= name then
      return redirect(back .. "#error=invalid_state")
    end
    user = ticket.user
  end
  local sign_in = { random = crypto.token(), provider = name, back = back, user = user }
  local url, code, why = client:address(secret_of("state", sign_in), secret_of("nonce", sign_in),
    secret_of("verifier", sign_in))
  if not url then
    log.warn("a provider of OpenID Connect cannot be asked", { provider = name, why = why })
    return redirect(back .. "#error=" .. code)
  end
  return redirect(url, set_cookie(sealed.seal("oidc cookie", sign_in, COOKIE_LASTS * 1000), COOKIE_LASTS))
end

-- Where a browser goes to link a provider to the caller's account.
local function begin_link(req)
  local name, back = req.params.id, req.body["return"]
  find_client(name)
  demand_origin("/return", back)
  own_account.prove(req, req.body.password)
  local ticket = sealed.seal("oidc ticket", { provider = name, user = req.user_id }, TICKET_LASTS * 1000)
  local escaped = back:gsub("[^%w.-]", function(c) return ("%%%02X"):format(c:byte()) end)
  return {
    url = ("%s/v1/auth/oidc/%s/start?return=%s&link=%s"):format(config "http.public_url", name, escaped, ticket),
  }
end

-- ---- the way back ----

local function note_failure(req, email, reason)
  local who = caller.of(req)
  db.query(accounts.failed, nil, email, who.address, who.agent, reason)
end

-- A name as registrations take it, or nil.
local function name_of(said)
  local name = type(said.name) == "string" and text.line(said.name)
  return name and name ~= "" and text.measure(name) <= MAX_NAME and name or nil
end

-- The code that the page exchanges, or nil and that of an error.
local function arrive(req, client, sign_in)
  local query = req.query
  if query.error then
    return nil, query.error == "access_denied" and "access_denied" or "sign_in_refused", "the provider says so"
  elseif not query.code or query.code == "" then
    return nil, "sign_in_refused", "there is no code"
  end
  local said, code, why = client:claims(query.code, query.iss, secret_of("nonce", sign_in),
    secret_of("verifier", sign_in))
  if not said then
    return nil, code, why
  end
  local email = type(said.email) == "string" and #said.email <= 254 and text.is_email(said.email) and said.email
  if not email then
    return nil, "email_not_verified", "it tells no address"
  elseif said.email_verified ~= true then
    note_failure(req, email, "email_not_verified")
    return nil, "email_not_verified", "it has not verified the address"
  end
  local made = crypto.token()
  db.query(queries.keep, crypto.sha256(made), sign_in.provider, said.sub, email, name_of(said), sign_in.user,
    CODE_LASTS)
  return made
end

local function callback(req)
  local client = find_client(req.params.provider)
  local sign_in = sealed.open("oidc cookie", cookie_of(req) or "")
  if not sign_in or sign_in.provider ~= req.params.provider or not origins[sign_in.back]
    or not crypto.equal(req.query.state or "", secret_of("state", sign_in)) then
    error(problem(400, "invalid_state", "this sign-in did not begin in this browser, or took too long: begin again"))
  end
  local code, refusal, why = arrive(req, client, sign_in)
  if not code then
    log.warn("a sign-in through a provider failed", { provider = sign_in.provider, code = refusal, why = why })
  end
  return redirect(sign_in.back .. (code and "#code=" .. code or "#error=" .. refusal), set_cookie("", 0))
end

-- { token, expiresAt, userId } of a new session, or raises.
local function exchange(req)
  local token = own_sessions.new_token()
  local done = db.query(queries.exchange, request(req, {
    codeHash = crypto.sha256(req.body.code), tokenHash = crypto.sha256(token), idle = own_sessions.IDLE,
    longest = own_sessions.LONGEST,
  }))[1]
  if done.outcome == "locked" then
    error(problem(403, "account_locked", "this account is locked: ask the operator"))
  elseif done.outcome == "account_linked" then
    error(problem(409, "account_linked", "another account is linked to this one of the provider"))
  elseif done.outcome ~= "signed_in" then
    error(problem(401, "invalid_sign_in", "this code is unknown, used or expired: begin again"))
  end
  return { token = token, expiresAt = done.expiresAt, userId = done.account }
end

-- ---- what an account is linked to ----

local function list(req)
  local limit, after = req.query.limit, cursor.decode(req.query.cursor, "text")
  local rows = db.query(queries.of_user, req.user_id, limit + 1, after)
  local last = rows:keep(limit) and rows[#rows]
  return { data = rows, nextCursor = last and cursor.encode(last.id) or json.null }
end

local function unlink(req)
  own_account.demand_recent(req)
  local outcome = db.query(queries.unlink, request(req, { account = req.user_id, id = req.params.id }))[1].outcome
  if outcome == "not_found" then
    error(problem(404, "not_found", "linked account not found"))
  elseif outcome == "last_credential" then
    error(problem(409, "last_credential", "nothing else would let you in: set a password first"))
  end
end

return {
  start = start, begin_link = begin_link, callback = callback, exchange = exchange, list = list, unlink = unlink,
}
