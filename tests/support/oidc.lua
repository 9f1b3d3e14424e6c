-- Providers of OpenID Connect for tests, and people who sign in through them: tests/fixtures/oidc.

local browser = require "support.browser"
local cjson = require "cjson"
local eventually = require "support.eventually"
local http = require "support.http"
local mime = require "mime"
local native = require "support.native"
local npm = require "support.npm"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local SOURCES <const> = paths.root .. "/tests/fixtures/oidc"
local RETURN <const> = "https://clinic.example"

local oidc = { RETURN = RETURN, SECRET = "not to be guessed / by anybody+" }

-- Base64url of a table as JSON.
function oidc.pack(value)
  return (mime.b64(cjson.encode(value)):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" }))
end

local function run(program, port, ...)
  local dir = temp.dir()
  process.check { "cp", SOURCES .. "/package.json", SOURCES .. "/" .. program, dir }
  process.check { "ln", "-s", npm.install(SOURCES), dir .. "/node_modules" }
  local child = process.start({ "node", program, tostring(port), ... }, { cwd = dir })
  eventually(function() return child:output():find "ready" end,
    { within = 30, what = program .. " to listen",
      unless = function() return not child:is_running() and child:output() end })
  return { url = "http://127.0.0.1:" .. port, port = port, process = child }
end

-- A provider that keeps to the rules, for a server at app_port that calls it `name` and is `id` there.
function oidc.provider(app_port, name, id)
  local it = run("provider.js", native.free_port(), id, oidc.SECRET,
    ("http://127.0.0.1:%d/v1/auth/oidc/%s/callback"):format(app_port, name))
  it.name, it.id = name, id
  return it
end

-- One that signs what it is told to.
function oidc.liar(name, id)
  local it = run("liar.js", native.free_port(), oidc.SECRET)
  it.name, it.id = name, id
  function it.get(path) return http.request("GET", path, { port = it.port }).json end
  return it
end

-- The environment of a server that knows these providers; more: further variables.
function oidc.environment(app_port, providers, more)
  local names, env = {}, {
    MEDBOOKD_CLIENT_ALLOW = "127.0.0.1", MEDBOOKD_HTTP_PUBLIC_URL = "http://127.0.0.1:" .. app_port,
    MEDBOOKD_OIDC_RETURN_ORIGINS = RETURN .. ", https://app.example", MEDBOOKD_OIDC_RATE_ADDRESS = "0",
  }
  local ports = {}
  for i, it in ipairs(providers) do
    local prefix = ("MEDBOOKD_OIDC_%s_"):format(it.name:upper())
    names[i], ports[i] = it.name, it.port
    env[prefix .. "ISSUER"], env[prefix .. "CLIENT_ID"] = it.url, it.id
    env[prefix .. "CLIENT_SECRET_FILE"] = temp.file("secret", oidc.SECRET .. "\n")
  end
  env.MEDBOOKD_OIDC_PROVIDERS, env.MEDBOOKD_CLIENT_PORTS = table.concat(names, ", "), table.concat(ports, ",")
  for key, value in pairs(more or {}) do env[key] = value end
  return env
end

-- Where a sign-in through this provider begins.
function oidc.start_url(app, name, back)
  return ("http://127.0.0.1:%d/v1/auth/oidc/%s/start?return=%s"):format(app.port, name, back or RETURN)
end

-- Goes the whole way from `url`, or a start, as this person ({ sub, email, email_verified, name }, or "nobody", who
-- says no). What the page gets behind #, as a table: code, or error. turn: as of browser:follow, before ours.
function oidc.visit(app, name, person, options)
  options = options or {}
  local visitor = options.browser or browser.new()
  local as = person == "nobody" and person or oidc.pack(person)
  local answer, last = visitor:follow(options.url or oidc.start_url(app, name), function(url)
    if options.turn then url = options.turn(url) end
    if url and url:find "/interaction/" then url = url .. "?as=" .. as end
    return url
  end)
  local got = { answer = answer, url = last }
  if last then
    local back, what, value = last:match "^(.-)#(%l+)=([%w_-]+)$"
    got.back, got[what or "nothing"] = back, value
  end
  return got
end

-- The session that the page gets for this code: the answer.
function oidc.exchange(app, code, token)
  return app:post("/v1/auth/oidc/exchange", { code = code },
    { headers = { Authorization = token and "Bearer " .. token or nil } })
end

return oidc
