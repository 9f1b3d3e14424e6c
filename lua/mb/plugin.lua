-- What plugins add to the server: routes and hooks. The manifest that plugins/<name>/plugin.lua returns:
--
--   { api = 1, name = "clinic.sms", version = "1.0.0", summary = "…",
--     capabilities = { "routes", "hooks" },
--     config = fields,                       -- a schema of plugins/<name>/config.lua, as for a body
--     routes = { { method =, path = "/v1/plugins/clinic.sms/…", summary =, permission =, params =, query =,
--                  body =, description =, responses =, errors =,
--                  handler = function(request) return body end } },     -- or: return status, body
--     hooks = { { on = "POST /v1/bookings", when = "before", on_failure = "refuse",
--                 runs_after = { "other.plugin" }, handler = function(request) … end } } }
--
-- A `before` hook looks at a request that was let in and found valid; it returns nothing, or
-- { refuse = { code =, detail =, status = } }. An `after` hook sees the status too and has no say. The
-- functions run in the plugin's own state (mb.plugins): requests and results are plain data.
local faults = require "mb.faults"
local plugins = require "mb.plugins"
local problem = require "mb.problem"
local schema = require "mb.schema"

local API <const> = 1

-- key -> type of its value, "handler" is a function
local MANIFEST <const> = {
  api = "number", name = "string", version = "string", summary = "string", capabilities = "table", config = "table",
  routes = "table", hooks = "table",
}
local ROUTE <const> = {
  method = "string", path = "string", summary = "string", permission = "string", params = "table", query = "table",
  body = "table", handler = "handler", description = "string", responses = "table", errors = "table",
}
local HOOK <const> = {
  on = "string", when = "string", on_failure = "string", runs_after = "table", runs_before = "table",
  handler = "handler",
}
local CAPABILITIES <const> = { "hooks", "routes" }
local STATUS_OF <const> = { plugin_limit = 503, plugin_quarantined = 503, plugin_failed = 500 }

-- ---- checking ----

local function is_handler(value)
  return type(value) == "table" and math.type(value.handler) == "integer" and type(value.at) == "string"
end

-- Where a table stands, as far as it is known: at its function, else in the file.
local function place(it, otherwise)
  return is_handler(it.handler) and it.handler.at or otherwise
end

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
local function check_capabilities(manifest, at, found)
  for _, word in ipairs(manifest.capabilities) do
    if not has(CAPABILITIES, word) then
      found:add(at, ("unknown capability '%s'"):format(tostring(word)), faults.nearest(word, CAPABILITIES))
    end
  end
  for _, word in ipairs(CAPABILITIES) do
    if manifest[word] ~= nil and not has(manifest.capabilities, word) then
      found:add(at, ("'%s' is used but not among the capabilities"):format(word),
        ("write capabilities = { \"%s\" }"):format(word))
    end
  end
end

local function check_manifest(plugin, at, found)
  local manifest = plugin.manifest
  check_keys(manifest, MANIFEST, { "api", "name", "version", "capabilities" }, at, "a manifest", found)
  if manifest.api ~= nil and manifest.api ~= API then
    found:add(at, ("this server has api = %d, not %s"):format(API, tostring(manifest.api)))
  end
  if manifest.name ~= nil and manifest.name ~= plugin.name then
    found:add(at, ("the name '%s' is not that of its folder, '%s'"):format(tostring(manifest.name), plugin.name))
  end
  if type(manifest.capabilities) == "table" then
    check_capabilities(manifest, at, found)
  end
end

-- Hands the plugin its configuration, with defaults, when it keeps to the schema.
local function configure(plugin, found)
  local at, spec = "plugins/" .. plugin.name .. "/plugin.lua", plugin.manifest.config
  local where = "plugins/" .. plugin.name .. "/config.lua"
  if spec == nil then
    if plugin.config then
      found:add(where, "this plugin takes no configuration", "delete the file")
    end
    return plugins.configure(plugin.name, {})
  end
  local check = schema.body(spec, at, found)
  if not check then
    return
  end
  local holder = { body = plugin.config or {} }
  local is_sound, why = pcall(check, holder)
  if is_sound then
    return plugins.configure(plugin.name, holder.body)
  end
  for _, item in ipairs(problem.is(why) and why.errors or { { pointer = "", detail = tostring(why) } }) do
    found:add(where, ("%s %s"):format(item.pointer, item.detail))
  end
end

-- ---- calling ----

-- What a plugin is told of a request.
local function facts_of(req, route)
  return {
    id = req.id, method = route.method, path = req.path, route = route.path, params = req.params,
    query = route.query and req.query or nil,
    body = type(route.body) == "table" and req.body or nil,
    caller = req.user_id and { id = req.user_id, role = req.user_role } or nil,
  }
end

local function unavailable(code)
  return problem(STATUS_OF[code], code, "a plugin that this request needs failed; the log tells why under its id",
    { retry_after = STATUS_OF[code] == 503 and 1 or nil })
end

local function is_status(status, least)
  return math.type(status) == "integer" and status >= least and status <= 599
end

-- What the function of a route returned, as the server answers it.
local function answer(name, results)
  local status, body = results[1], results[2]
  if #results < 2 then
    status, body = results[1] == nil and 204 or 200, results[1]
  end
  if not is_status(status, 200) or body ~= nil and type(body) ~= "table" then
    error(("plugin '%s' returned neither a body nor a status and a body"):format(name), 0)
  elseif status >= 400 then
    body = body or {}
    return problem(status, tostring(body.code or "plugin_refused"), body.detail and tostring(body.detail))
  end
  return status, body
end

-- A manifest comes as JSON, where statuses have become texts.
local function by_status(list)
  local made = list and {}
  for status, it in pairs(list or {}) do
    made[math.tointeger(tonumber(status)) or status] = it
  end
  return made
end

local function as_route(name, route)
  local handler = route.handler.handler
  return {
    method = route.method, path = route.path, summary = route.summary, permission = route.permission,
    params = route.params, query = route.query, body = route.body, description = route.description,
    responses = by_status(route.responses), errors = by_status(route.errors),
    handler = function(req)
      local ok, results = plugins.call(name, handler, facts_of(req, route))
      if not ok then
        return unavailable(results)
      end
      return answer(name, results)
    end,
  }
end

-- ---- hooks ----

local registry = {}
registry.__index = registry

local function check_hook(hook, at, found)
  check_keys(hook, HOOK, { "on", "when", "handler" }, at, "a hook", found)
  if hook.when ~= nil and hook.when ~= "before" and hook.when ~= "after" then
    found:add(at, ("'when' of a hook is \"before\" or \"after\", not '%s'"):format(tostring(hook.when)))
  end
  if hook.on_failure ~= nil and hook.on_failure ~= "refuse" and hook.on_failure ~= "ignore" then
    found:add(at, ("'on_failure' of a hook is \"refuse\" or \"ignore\", not '%s'"):format(tostring(hook.on_failure)))
  elseif hook.on_failure == "refuse" and hook.when == "after" then
    found:add(at, "what ran already cannot be refused", "leave on_failure out")
  end
end

-- In the order that they ask for, else in that of their names.
local function ordered(hooks, found)
  local left, done, list = {}, {}, {}
  local function waits_for(hook, other)
    return other ~= hook and (has(hook.runs_after or {}, other.plugin) or has(other.runs_before or {}, hook.plugin))
  end
  for i, hook in ipairs(hooks) do
    left[i] = hook
  end
  while #list < #hooks do
    local next_one
    for _, hook in ipairs(left) do
      local is_free = not done[hook]
      for _, other in ipairs(left) do
        is_free = is_free and (done[other] or not waits_for(hook, other))
      end
      if is_free then
        next_one = hook
        break
      end
    end
    if not next_one then
      found:add(hooks[1].handler.at, ("the hooks on %s wait for each other"):format(hooks[1].on))
      return hooks
    end
    done[next_one] = true
    list[#list + 1] = next_one
  end
  return list
end

local function run_before(hooks, facts)
  for _, hook in ipairs(hooks) do
    local ok, results = plugins.call(hook.plugin, hook.handler.handler, facts)
    local said = ok and type(results[1]) == "table" and results[1].refuse
    if not ok and hook.on_failure ~= "ignore" then
      error(unavailable(results), 0)
    elseif type(said) == "table" then
      error(problem(is_status(said.status, 400) and said.status or 422, tostring(said.code or "plugin_refused"),
        said.detail and tostring(said.detail)), 0)
    end
  end
end

local function run_after(hooks, facts, ...)
  local first = ...
  facts.status = math.type(first) == "integer" and first or problem.is(first) and first.status or 200
  for _, hook in ipairs(hooks) do
    plugins.call(hook.plugin, hook.handler.handler, facts)
  end
  return ...
end

-- The handler of a route with the hooks on it around, and these: { before = list, after = list } or nil.
function registry:around(route, handler)
  local on = self.on[route.method .. " " .. route.path]
  if not on then
    return handler
  end
  on.is_met = true
  return function(req, it, judge)
    local facts = facts_of(req, route)
    run_before(on.before, facts)
    return run_after(on.after, facts, handler(req, it, judge))
  end, on
end

-- ---- loading ----

local function add_hooks(self, plugin, at, found)
  for _, hook in ipairs(plugin.manifest.hooks or {}) do
    local where = place(hook, at)
    check_hook(hook, where, found)
    if is_handler(hook.handler) and type(hook.on) == "string" and (hook.when == "before" or hook.when == "after") then
      hook.plugin = plugin.name
      self.on[hook.on] = self.on[hook.on] or { before = {}, after = {} }
      table.insert(self.on[hook.on][hook.when], hook)
    end
  end
end

local function add_routes(self, plugin, at, found)
  local prefix = "/v1/plugins/" .. plugin.name .. "/"
  for _, route in ipairs(plugin.manifest.routes or {}) do
    local where = place(route, at)
    local before = #found.list
    check_keys(route, ROUTE, { "method", "path", "summary", "permission", "handler" }, where, "a route", found)
    if type(route.path) == "string" and route.path:sub(1, #prefix) ~= prefix then
      found:add(where, ("the path '%s' does not begin with %s"):format(route.path, prefix))
    end
    if #found.list == before then
      table.insert(self.routes, { file = where, route = as_route(plugin.name, route) })
    end
  end
end

-- Every plugin of this generation; raises all faults of their manifests.
local function load()
  local self, found = setmetatable({ on = {}, routes = {} }, registry), faults.new()
  for _, plugin in ipairs(plugins.list()) do
    local at = "plugins/" .. plugin.name .. "/plugin.lua"
    check_manifest(plugin, at, found)
    configure(plugin, found)
    add_hooks(self, plugin, at, found)
    add_routes(self, plugin, at, found)
  end
  for _, on in pairs(self.on) do
    on.before, on.after = ordered(on.before, found), ordered(on.after, found)
  end
  found:raise()
  return self
end

-- To be called when all routes are known: a hook on none is a fault.
function registry:finish(patterns)
  local found = faults.new()
  for name, on in pairs(self.on) do
    if not on.is_met then
      local hook = on.before[1] or on.after[1]
      found:add(hook.handler.at, ("there is no route '%s'"):format(name), faults.nearest(name, patterns))
    end
  end
  found:raise()
end

return { load = load }
