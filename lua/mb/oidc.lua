-- A client of one OpenID provider (OpenID Connect Core 1.0, authorization code flow with PKCE): finds out how it is
-- asked, sends people there, and learns who came back. It knows nothing of accounts.
--
-- What goes wrong is nil and a problem's code with words for the log: "provider_unavailable", it cannot be asked or
-- answers with what is no answer; "sign_in_refused", it does not vouch for this person.
local crypto = require "mb.crypto"
local http = require "mb.http"
local json = require "mb.json"
local jws = require "mb.jws"
local time = require "mb.time"

local KEEP <const> = 60 * 60 * 1000 -- ms: how the provider is asked, and its keys
local TIMEOUT <const>, MAX_BODY <const> = 5000, 262144
local SKEW <const> = 60 -- seconds that its clock may differ from ours
local LOOPBACK <const> = { ["127.0.0.1"] = true, ["::1"] = true, ["[::1]"] = true, localhost = true }

local client = {}
client.__index = client

-- ---- small ----

-- RFC 3986: everything but what is unreserved.
local function escape(text)
  return (text:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function form(fields)
  local parts = {}
  for i, field in ipairs(fields) do
    parts[i] = field[1] .. "=" .. escape(field[2])
  end
  return table.concat(parts, "&")
end

-- Base64 as RFC 4648 section 4 has it.
local function base64(text)
  local made = crypto.encode64(text):gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  return made .. ("="):rep(-#made % 4)
end

-- base64url of the SHA-256, as PKCE wants it (RFC 7636).
local function challenge_of(verifier)
  return crypto.encode64((crypto.sha256(verifier):gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end)))
end

-- Whether it may be asked: over TLS, or on this machine, as while developing and in tests.
local function is_safe(url)
  local host = type(url) == "string" and http.host(url)
  return host and (url:find "^https://" ~= nil or url:find "^http://" ~= nil and LOOPBACK[host] == true) or false
end

local function unavailable(what, answer, failure)
  local why = failure and failure.code .. " " .. failure.detail or "status " .. answer.status
  return nil, "provider_unavailable", what .. ": " .. why
end

local function fetch(what, url)
  local answer, failure = http.request { url = url, headers = { Accept = "application/json" }, timeout = TIMEOUT,
                                         max_body = MAX_BODY }
  if failure or answer.status ~= 200 then
    return unavailable(what, answer, failure)
  end
  local value = json.decode(answer.body)
  if type(value) ~= "table" then
    return nil, "provider_unavailable", what .. ": no object of JSON"
  end
  return value
end

-- ---- what the provider says of itself ----

-- Its document, with the addresses that are used.
function client:document()
  local kept = self.kept
  if kept and time.now() < kept.until_ then
    return kept.value
  end
  local value, code, why = fetch("discovery", self.issuer:gsub("/$", "") .. "/.well-known/openid-configuration")
  if not value then
    return nil, code, why
  end
  if value.issuer ~= self.issuer then
    return nil, "provider_unavailable", "discovery: it names another issuer"
  end
  for _, name in ipairs { "authorization_endpoint", "token_endpoint", "jwks_uri" } do
    if not is_safe(value[name]) then
      return nil, "provider_unavailable", "discovery: " .. name .. " is no address that is asked"
    end
  end
  self.kept = { value = value, until_ = time.now() + KEEP }
  return value
end

function client:fetch_keys(document)
  local value, code, why = fetch("keys", document.jwks_uri)
  if not value then
    return nil, code, why
  elseif not json.is_array(value.keys) then
    return nil, "provider_unavailable", "keys: there is no list of them"
  end
  self.keys, self.keys_at = value.keys, time.now()
  return self.keys
end

-- What the token says. A key that is not known yet is asked for once: they are changed now and then.
function client:verify(document, token)
  local is_kept = self.keys ~= nil and time.now() < self.keys_at + KEEP
  local said, wrong
  if is_kept then
    said, wrong = jws.open(token, self.keys)
  end
  if not is_kept or wrong == "unknown_key" then
    local keys, code, why = self:fetch_keys(document)
    if not keys then
      return nil, code, why
    end
    said, wrong = jws.open(token, keys)
  end
  if not said then
    return nil, "sign_in_refused", "ID token: " .. wrong
  end
  return said
end

-- ---- who it is ----

-- Whether the token is meant for us and for nobody else (OpenID Connect Core 1.0, 3.1.3.7).
local function is_for(said, id)
  if type(said.aud) == "string" then
    return said.aud == id and (said.azp == nil or said.azp == id)
  end
  local is_named = false
  for _, one in ipairs(json.is_array(said.aud) and said.aud or {}) do
    is_named = is_named or one == id
  end
  return is_named and (#said.aud == 1 and said.azp == nil or said.azp == id)
end

-- What is wrong with what a token says, or nil.
function client:refusal(said, nonce)
  local now = time.now() // 1000
  if said.iss ~= self.issuer then
    return "another issuer"
  elseif not is_for(said, self.id) then
    return "another audience"
  elseif type(said.exp) ~= "number" or said.exp <= now - SKEW then
    return "it has expired"
  elseif type(said.iat) ~= "number" or said.iat > now + SKEW then
    return "it is of later"
  elseif type(said.nonce) ~= "string" or not crypto.equal(said.nonce, nonce) then
    return "another nonce"
  elseif type(said.sub) ~= "string" or #said.sub > 255 or not said.sub:find "^[ -~]+$" then
    return "no subject that may be one"
  end
end

function client:redeem(document, code, verifier)
  local fields = {
    { "grant_type", "authorization_code" }, { "code", code }, { "redirect_uri", self.redirect_uri },
    { "code_verifier", verifier },
  }
  local headers = { Accept = "application/json", ["Content-Type"] = "application/x-www-form-urlencoded" }
  local methods, takes_basic = document.token_endpoint_auth_methods_supported, true
  if json.is_array(methods) then
    takes_basic = false
    for _, method in ipairs(methods) do
      takes_basic = takes_basic or method == "client_secret_basic"
    end
  end
  if takes_basic then
    headers.Authorization = "Basic " .. base64(escape(self.id) .. ":" .. escape(self.secret))
  else
    fields[#fields + 1], fields[#fields + 2] = { "client_id", self.id }, { "client_secret", self.secret }
  end
  local answer, failure = http.request { method = "POST", url = document.token_endpoint, headers = headers,
                                         body = form(fields), timeout = TIMEOUT, max_body = MAX_BODY }
  if failure or answer.status >= 500 then
    return unavailable("token", answer, failure)
  end
  local value = json.decode(answer.body)
  if answer.status ~= 200 or type(value) ~= "table" or type(value.id_token) ~= "string" then
    local reason = type(value) == "table" and type(value.error) == "string" and value.error:match "^[%w_]+$"
    return nil, "sign_in_refused", ("token: status %d %s"):format(answer.status, reason or "without an ID token")
  end
  return value.id_token
end

-- Where to send somebody. state, nonce, verifier: random texts that `claims` and the caller want again.
function client:address(state, nonce, verifier)
  local document, code, why = self:document()
  if not document then
    return nil, code, why
  end
  local url = document.authorization_endpoint
  return url .. (url:find("?", 1, true) and "&" or "?") .. form {
    { "response_type", "code" }, { "client_id", self.id }, { "redirect_uri", self.redirect_uri },
    { "scope", "openid email profile" }, { "state", state }, { "nonce", nonce },
    { "code_challenge", challenge_of(verifier) }, { "code_challenge_method", "S256" },
  }
end

-- What the provider says of whom it sent back with this code: `sub`, and what else it tells. iss: what stood beside
-- the code, or nil (RFC 9207).
function client:claims(code, iss, nonce, verifier)
  local document, refused, why = self:document()
  if not document then
    return nil, refused, why
  elseif iss and iss ~= self.issuer or not iss and document.authorization_response_iss_parameter_supported == true then
    return nil, "sign_in_refused", "the answer is of another issuer"
  end
  local token, said
  token, refused, why = self:redeem(document, code, verifier)
  if not token then
    return nil, refused, why
  end
  said, refused, why = self:verify(document, token)
  if not said then
    return nil, refused, why
  end
  why = self:refusal(said, nonce)
  if why then
    return nil, "sign_in_refused", "ID token: " .. why
  end
  return said
end

-- issuer: its address, as it writes it; id, secret: ours there; redirect_uri: where it sends people back.
local function new(issuer, id, secret, redirect_uri)
  return setmetatable({ issuer = issuer, id = id, secret = secret, redirect_uri = redirect_uri }, client)
end

return { new = new, is_safe = is_safe }
