-- What plugins/<name>/plugin.lua returns, and how it is checked:
--
--   { api = 1, name = "clinic.sms", version = "1.0.0", summary = "…",
--     capabilities = { "routes", "hooks", … },     -- what of the following it uses
--     config = fields,                       -- a schema of plugins/<name>/config.lua, as for a body
--     routes = { { method =, path = "/v1/plugins/clinic.sms/…", summary =, permission =, params =, query =,
--                  body =, description =, responses =, errors =,
--                  handler = function(request) return body end } },     -- or: return status, body
--     problems = { not_today = { 409, "cause", "remedy" } },  -- its codes, for /docs/problems
--     hooks = { { on = "POST /v1/bookings", when = "before", on_failure = "refuse",
--                 runs_after = { "other.plugin" }, handler = function(request) … end } },
--     events = { { on = "booking.created", handler = function(job) … end } },
--     jobs = { { name = "remind", every = "1h", handler = function(job) … end } },
--     requirements = { … },                  -- read by validation/plugin_requirements.lua
--     secrets = { "token" },                 -- plugins.secrets/<name>/token
--     channels = { … }, …                    -- what else the server knows how to ask for (workflows/provisions.lua)
--     tables = { add = "INSERT INTO …" },    -- named statements on its own tables, migrations/ makes these
--     http = { hosts = { "api.example.org", "*.example.net" } } }        -- whom it may call
--
-- What of it the functions see and return: mb.plugin.
local faults = require "mb.faults"

local API <const> = 1

-- key -> type of its value, "handler" is a function
local MANIFEST <const> = {
  api = "number", name = "string", version = "string", summary = "string", capabilities = "table", config = "table",
  problems = "table", routes = "table", hooks = "table", events = "table", jobs = "table", secrets = "table",
  http = "table", tables = "table",
}
local ROUTE <const> = {
  method = "string", path = "string", summary = "string", permission = "string", params = "table", query = "table",
  body = "table", handler = "handler", description = "string", responses = "table", errors = "table",
}
local HOOK <const> = {
  on = "string", when = "string", on_failure = "string", runs_after = "table", runs_before = "table",
  handler = "handler",
}
local JOB <const> = {
  name = "string", handler = "handler", every = "string", at = "string", max_attempts = "number", backoff = "table",
  lease = "string",
}
local EVENT <const> = {
  on = "string", handler = "handler", max_attempts = "number", backoff = "table", lease = "string",
}
-- Each but `state` has a key of the manifest.
local CAPABILITIES <const> = { "events", "hooks", "http", "jobs", "routes", "secrets", "state", "tables" }

local function is_handler(value)
  return type(value) == "table" and math.type(value.handler) == "integer" and type(value.at) == "string"
end

-- Where a table stands, as far as it is known: at its function, else in the file.
local function place(it, otherwise)
  return is_handler(it.handler) and it.handler.at or otherwise
end

-- Notes in `found` what of `it` is no key of `keys`, of another type, or missing of `required`.
local function check_keys(it, keys, required, at, what, found)
  for _, key in ipairs(faults.names_of(it)) do
    local expected, value = keys[key], it[key]
    if not expected then
      found:add(at, ("unknown key '%s' of %s"):format(key, what), faults.nearest(key, faults.names_of(keys)))
    elseif expected == "handler" and not is_handler(value) or expected ~= "handler" and type(value) ~= expected then
      found:add(at, ("'%s' of %s is a %s"):format(key, what, expected == "handler" and "function" or expected))
    end
  end
  for _, key in ipairs(required) do
    if it[key] == nil then
      found:add(at, ("%s needs '%s'"):format(what, key))
    end
  end
end

local function has(list, word)
  for _, item in ipairs(list) do
    if item == word then
      return true
    end
  end
  return false
end

-- What is used must be declared, so that an operator reads in one line what a plugin does.
local function check_capabilities(manifest, at, found, capabilities)
  for _, word in ipairs(manifest.capabilities) do
    if not has(capabilities, word) then
      found:add(at, ("unknown capability '%s'"):format(tostring(word)), faults.nearest(word, capabilities))
    end
  end
  for _, word in ipairs(capabilities) do
    if manifest[word] ~= nil and not has(manifest.capabilities, word) then
      found:add(at, ("'%s' is used but not among the capabilities"):format(word),
        ("write capabilities = { \"%s\" }"):format(word))
    end
  end
end

-- keys, capabilities: those of every manifest and of this server.
local function check(plugin, keys, capabilities, at, found)
  local manifest = plugin.manifest
  check_keys(manifest, keys, { "api", "name", "version", "capabilities" }, at, "a manifest", found)
  if manifest.api ~= nil and manifest.api ~= API then
    found:add(at, ("this server has api = %d, not %s"):format(API, tostring(manifest.api)))
  end
  if manifest.name ~= nil and manifest.name ~= plugin.name then
    found:add(at, ("the name '%s' is not that of its folder, '%s'"):format(tostring(manifest.name), plugin.name))
  end
  if type(manifest.capabilities) == "table" then
    check_capabilities(manifest, at, found, capabilities)
  end
end

return {
  KEYS = MANIFEST, ROUTE = ROUTE, HOOK = HOOK, JOB = JOB, EVENT = EVENT,
  CAPABILITIES = CAPABILITIES, check = check, check_keys = check_keys, has = has, is_handler = is_handler,
  place = place,
}
