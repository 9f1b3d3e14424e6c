-- What the server does for a plugin that asks (mb.plugin says how): host["state.get"](plugin, …) and so
-- on, as the caller of the plugin, in its task. A wrong use raises a text, which the plugin sees.
local config = require "mb.config"
local db = require "mb.db"
local http = require "mb.http"
local jobs = require "workflows.jobs"
local json = require "mb.json"
local plugins = require "mb.plugins"
local problem = require "mb.problem"
local queries = require "queries.plugin_state"
local query = require "mb.query"
local span = require "mb.span"

local function number(key, default, least, most, help)
  return math.tointeger(config.declare(key, {
    type = "integer", default = default, least = least, most = most, help = help,
  }))
end
local MAX_KEYS <const> = number("plugins.state_keys", 1000, 0, 1000000,
  "how many keys one plugin may have in its state")
local MAX_VALUE <const> = number("plugins.state_value", 16384, 64, 1048576,
  "bytes of one value of a plugin's state, as JSON")
local MAX_ROWS <const> = math.tointeger(config "plugins.result_rows")
local MAX_RESULT <const> = math.tointeger(config "plugins.result_bytes")
local MAX_KEY <const>, MAX_PAYLOAD <const> = 200, 65000

local function fail(...)
  error(string.format(...), 0)
end

local function check_key(key)
  if type(key) ~= "string" or key == "" or #key > MAX_KEY or not utf8.len(key) or key:find "\0" then
    fail("a key of the state is a text of 1 to %d bytes", MAX_KEY)
  end
end

local function check_options(options, known)
  if type(options) ~= "table" then
    fail "options are a table"
  end
  for key, value in pairs(options) do
    if not known[key] then
      fail("unknown option '%s'", tostring(key))
    elseif type(value) ~= "string" then
      fail("option '%s' is a text", key)
    end
  end
  return options
end

local host = {}

-- state.get(key) -> value; nil when there is none, or its time is over
host["state.get"] = function(plugin, key)
  check_key(key)
  local row = db.query(queries.get, plugin.name, key)[1]
  return row and json.decode(row.value)
end

-- state.set(key, value, { ttl = "10min" })
host["state.set"] = function(plugin, key, value, options)
  check_key(key)
  if value == nil then
    fail "state.set takes a value; state.delete takes one away"
  end
  local ttl = check_options(options or {}, { ttl = true }).ttl
  local ms = ttl and span.ms(ttl)
  if ttl and not ms then
    fail "option 'ttl' is a span as \"10min\""
  end
  local text = json.encode(value)
  if #text > MAX_VALUE then
    fail("the value takes %d bytes as JSON; plugins.state_value allows %d", #text, MAX_VALUE)
  end
  db.tx(function(tx)
    tx:query(queries.lock, plugin.name)
    if tx:query(queries.others, plugin.name, key)[1].n >= MAX_KEYS then
      fail("the plugin has %d keys; plugins.state_keys allows no more", MAX_KEYS)
    end
    tx:query(queries.set, plugin.name, key, text, ms)
  end)
end

-- state.delete(key) -> whether it was there
host["state.delete"] = function(plugin, key)
  check_key(key)
  return #db.query(queries.delete, plugin.name, key) == 1
end

-- jobs.enqueue(name, payload, { key =, at =, after = }) -> id; nil when a living job has the key
host["jobs.enqueue"] = function(plugin, name, payload, options)
  local kind = ("plugin.%s.%s"):format(plugin.name, tostring(name))
  if not jobs.is_known(kind) then
    fail("the plugin has no job '%s'", tostring(name))
  end
  check_options(options or {}, { key = true, at = true, after = true })
  if payload ~= nil and type(payload) ~= "table" then
    fail "the payload of a job is a table"
  elseif payload and #json.encode(payload) > MAX_PAYLOAD then
    fail("the payload of a job takes at most %d bytes as JSON", MAX_PAYLOAD)
  end
  return jobs.enqueue(kind, payload, options)
end

local function may_call(plugin, name)
  for _, pattern in ipairs(plugin.hosts) do
    if name:find(pattern) then
      return true
    end
  end
  return false
end

-- http.request { … } as mb.http has it; to the hosts of the manifest, and redirects are not followed
host["http.request"] = function(plugin, request)
  if type(request) ~= "table" or type(request.url) ~= "string" then
    fail "http.request { url = … }"
  elseif request.redirects ~= nil then
    fail "redirects are not followed for plugins: they would leave the hosts of the manifest"
  end
  local name = http.host(request.url)
  if name and not may_call(plugin, name) then
    fail("'%s' is not among the hosts of the manifest", name)
  end
  return http.request(request)
end

-- A statement of the manifest, made while scripts load.
function host.statement(plugin, name, text)
  return query.write(("plugin %s: %s"):format(plugin.name, name), text)
end

local function fail_statement(plugin, name, why)
  if why.code == "limit_exceeded" then
    fail("%s; plugins.result_rows (%d) and plugins.result_bytes (%d) bound what a statement answers: write a LIMIT",
      why.cause, MAX_ROWS, MAX_RESULT)
  elseif why.sqlstate == "42501" and plugins.is_full(plugin.name) then
    fail("%s: %s (SQLSTATE 42501): its tables are over plugins.schema_size, so it may delete and read only",
      name, why.cause)
  end
  fail("%s: %s (SQLSTATE %s)", name, why.cause, why.sqlstate)
end

-- tables.query(name, …) -> rows, as its own role sees them; or nil and { code = "constraint", sqlstate =,
-- constraint = } when a constraint of its tables forbids it. Anything else that goes wrong is raised.
host["tables.query"] = function(plugin, name, ...)
  local statement = plugin.statements[name]
  if not statement then
    fail("the manifest has no statement '%s'", tostring(name))
  end
  local ok, rows = pcall(plugins.query, plugin.name, statement, ...)
  if ok then
    return rows
  end
  local state = problem.is(rows) and rows.sqlstate or ""
  if state:sub(1, 2) == "23" then
    return nil, { code = "constraint", sqlstate = state, constraint = rows.constraint }
  elseif state ~= "" or problem.is(rows) and rows.code == "limit_exceeded" then
    fail_statement(plugin, name, rows)
  end
  error(rows, 0)
end

-- secret(name) -> text
host["secrets.secret"] = function(plugin, name)
  local text = plugin.secrets[name]
  if not text then
    fail("the plugin declares no secret '%s'", tostring(name))
  end
  return text
end

return host
