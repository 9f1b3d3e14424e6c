-- What plugins add to the server, as their manifests (mb.manifest) say.
--
-- A `before` hook looks at a request that was let in and found valid; it returns nothing, or
-- { refuse = { code =, detail =, status = } }. An `after` hook sees the status too and has no say. Jobs
-- and events take keys of mb.job as well (max_attempts, backoff, lease); job.payload of an event is a row of
-- the outbox.
-- The functions run in the plugin's own state (mb.plugins): requests and results are plain data. While
-- one runs it may ask the server for what workflows/plugin_host.lua does, as far as it is declared.
local faults = require "mb.faults"
local json = require "mb.json"
local log = require "mb.log"
local manifest = require "mb.manifest"
local plugins = require "mb.plugins"
local problem = require "mb.problem"
local schema = require "mb.schema"

local check_keys, has, is_handler, place = manifest.check_keys, manifest.has, manifest.is_handler, manifest.place
local STATUS_OF <const> = { plugin_limit = 503, plugin_quarantined = 503, plugin_failed = 500 }

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

-- Values as the plugin takes them; what is nil here is a null.
local function packed(...)
  local list = json.array()
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    list[i] = value == nil and json.null or value
  end
  return list
end

local function unpacked(list)
  local n, values = #list, {}
  for i = 1, n do
    if list[i] ~= json.null then
      values[i] = list[i]
    end
  end
  return table.unpack(values, 1, n)
end

-- Does what a plugin asks for: true and a list of results, or false and what it sees raised.
local function serve(self, plugin, what, arguments)
  local capability = what:match "^%l+"
  if not has(plugin.manifest.capabilities, capability) then
    return false, ("%s: the manifest does not declare the capability '%s'"):format(what, capability)
  end
  local results = packed(pcall(self.host[what], plugin, unpacked(arguments)))
  if table.remove(results, 1) then
    return true, results
  end
  local why = results[1]
  local text = problem.is(why) and (why.detail or why.code) or tostring(why):gsub("^[%w_/]+%.lua:%d+: ", "")
  return false, text:sub(1, #what) == what and text or what .. ": " .. text
end

local NOTHING <const> = {}

-- Runs a function of a plugin, which may ask for things meanwhile: true and the list of its results, or
-- false, a code and a detail.
-- With a request its facts are among the arguments (mb.plugins).
local function call(self, plugin, handler, arguments, req)
  local state, a, b, asker = plugins.call(plugin.name, handler, arguments, req)
  while state == "ask" do
    state, a, b, asker = plugins.reply(asker, serve(self, plugin, a, b))
  end
  return state == "done", a or NOTHING, b
end

-- A function (req): what a plugin is told of a request of this route, beside what mb.plugins adds of it.
local function facts_of(route)
  local has_params, has_body = route.path:find("{", 1, true), type(route.body) == "table"
  local has_query, may_have_caller = route.query, route.auth or route.permission ~= "public"
  if not (has_params or has_query or has_body or may_have_caller) then
    return function() return {} end
  end
  return function(req)
    local user = may_have_caller and req.user_id
    return {
      params = has_params and req.params or nil,
      query = has_query and req.query or nil,
      body = has_body and req.body or nil,
      caller = user and { id = user, role = req.user_role } or nil,
    }
  end
end

local function unavailable(code)
  return problem(STATUS_OF[code], code, "a plugin that this request needs failed; the log tells why under its id",
    { retry_after = STATUS_OF[code] == 503 and 1 or nil, failure = code ~= "plugin_quarantined" })
end

-- A refusal in words of a plugin; codes that its manifest does not explain are its own business.
local function refusal(plugin, status, said)
  local code = tostring(said.code or "plugin_refused")
  local is_foreign = code ~= "plugin_refused" and not (plugin.manifest.problems or {})[code]
  return problem(status, code, said.detail and tostring(said.detail), { is_foreign = is_foreign })
end

local function is_status(status, least)
  return math.type(status) == "integer" and status >= least and status <= 599
end

-- What the function of a route returned, as the server answers it.
local function answer(plugin, results)
  local status, body = results[1], results[2]
  if #results < 2 then
    status, body = results[1] == nil and 204 or 200, results[1]
  end
  if not is_status(status, 200) or body ~= nil and type(body) ~= "table" then
    log.error("a plugin failed", { plugin = plugin.name, error = "it returned neither a body nor a status and a body" })
    return unavailable "plugin_failed"
  elseif status >= 400 then
    return refusal(plugin, status, body or {})
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

local function as_route(self, plugin, route)
  local handler, tell = route.handler.handler, facts_of(route)
  return {
    method = route.method, path = route.path, summary = route.summary, permission = route.permission,
    params = route.params, query = route.query, body = route.body, description = route.description,
    responses = by_status(route.responses), errors = by_status(route.errors),
    handler = function(req)
      local ok, results = call(self, plugin, handler, tell(req), req)
      if not ok then
        return unavailable(results)
      end
      return answer(plugin, results)
    end,
  }
end

-- ---- hooks ----

local registry = {}
registry.__index = registry

local function check_hook(hook, at, found)
  check_keys(hook, manifest.HOOK, { "on", "when", "handler" }, at, "a hook", found)
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
    local after, before = hook.runs_after or {}, other.runs_before or {}
    return other ~= hook and (has(after, other.plugin.name) or has(before, hook.plugin.name))
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

local function run_before(self, hooks, facts, req)
  for i = 1, #hooks do
    local hook = hooks[i]
    local ok, results = call(self, hook.plugin, hook.handler.handler, facts, req)
    local said = ok and type(results[1]) == "table" and results[1].refuse
    if not ok and hook.on_failure ~= "ignore" then
      error(unavailable(results), 0)
    elseif type(said) == "table" then
      error(refusal(hook.plugin, is_status(said.status, 400) and said.status or 422, said), 0)
    end
  end
end

local function run_after(self, hooks, facts, req, ...)
  local first = ...
  facts.status = math.type(first) == "integer" and first or problem.is(first) and first.status or 200
  for i = 1, #hooks do
    local hook = hooks[i]
    call(self, hook.plugin, hook.handler.handler, facts, req)
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
  local tell = facts_of(route)
  return function(req, it, judge)
    local facts = tell(req)
    run_before(self, on.before, facts, req)
    if #on.after == 0 then
      return handler(req, it, judge)
    end
    return run_after(self, on.after, facts, req, handler(req, it, judge))
  end, on
end

-- ---- jobs and events ----

-- The kind of mb.job that runs a function of a plugin.
local function as_job(self, plugin, kind, it, events)
  local handler = it.handler.handler
  return {
    kind = ("plugin.%s.%s"):format(plugin.name, kind), every = it.every, at = it.at, events = events,
    max_attempts = it.max_attempts, backoff = it.backoff, lease = it.lease,
    run = function(job)
      local ok, code, detail = call(self, plugin, handler, {
        id = job.id, key = job.key, payload = job.payload, attempt = job.attempt, max_attempts = job.max_attempts,
      })
      if not ok then
        error(code .. ": " .. (detail or ""), 0)
      end
    end,
  }
end

-- ---- loading ----

local function add_hooks(self, plugin, at, found)
  for _, hook in ipairs(plugin.manifest.hooks or {}) do
    local where = place(hook, at)
    check_hook(hook, where, found)
    if is_handler(hook.handler) and type(hook.on) == "string" and (hook.when == "before" or hook.when == "after") then
      hook.plugin = plugin
      plugins.label(plugin.name, hook.handler.handler, hook.when .. " " .. hook.on)
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
    check_keys(route, manifest.ROUTE, { "method", "path", "summary", "permission", "handler" }, where, "a route", found)
    if type(route.path) == "string" and route.path:sub(1, #prefix) ~= prefix then
      found:add(where, ("the path '%s' does not begin with %s"):format(route.path, prefix))
    end
    if #found.list == before then
      plugins.label(plugin.name, route.handler.handler, route.method .. " " .. route.path)
      table.insert(self.routes, { file = where, route = as_route(self, plugin, route) })
    end
  end
end

local function add_jobs(self, plugin, at, found)
  local function add(it, keys, name, what)
    local where, before = place(it, at), #found.list
    check_keys(it, keys, { name, "handler" }, where, what, found)
    if #found.list == before then
      local is_event = name == "on"
      local kind = is_event and "on." .. it.on or it.name
      plugins.label(plugin.name, it.handler.handler, is_event and "event " .. it.on or "job " .. it.name)
      table.insert(self.jobs, {
        file = where, job = as_job(self, plugin, kind, it, is_event and { it.on } or nil),
      })
    end
  end
  for _, it in ipairs(plugin.manifest.jobs or {}) do
    add(it, manifest.JOB, "name", "a job")
  end
  for _, it in ipairs(plugin.manifest.events or {}) do
    add(it, manifest.EVENT, "on", "an event")
  end
end

-- What the owner of such a key reads out of it.
local function add_parts(self, plugin, at, found)
  for key, read in pairs(self.readers) do
    for _, it in ipairs(plugin.manifest[key] or {}) do
      local made = read(it, at, found)
      if made then
        table.insert(self.parts[key], { name = plugin.name, it = made })
      end
    end
  end
end

-- Fills in plugin.hosts: whom it may call, as patterns of Lua.
local function add_hosts(plugin, at, found)
  local http = plugin.manifest.http
  plugin.hosts = {}
  if http == nil then
    return
  end
  check_keys(http, { hosts = "table" }, { "hosts" }, at, "http", found)
  for _, host in ipairs(type(http.hosts) == "table" and http.hosts or {}) do
    local wild, name = tostring(host):match "^(%*?)(%.?[%w][%w.-]*)$"
    if not name or (wild == "*") ~= (name:sub(1, 1) == ".") then
      found:add(at, ("'%s' is no host"):format(tostring(host)), "api.example.org, or *.example.org for all below it")
    else
      local pattern = "^" .. (wild == "*" and "[%w.-]+" or "") .. name:lower():gsub("[.-]", "%%%0") .. "$"
      table.insert(plugin.hosts, pattern)
    end
  end
end

-- What it declares must be there, so that an operator hears of it before a patient does.
local function add_secrets(plugin, at, found)
  plugin.secrets = {}
  for _, name in ipairs(plugin.manifest.secrets or {}) do
    local text = type(name) == "string" and plugins.secret(plugin.name, name)
    if text then
      plugin.secrets[name] = text
    else
      found:add(at, ("there is no secret '%s'"):format(tostring(name)),
        ("write it into the file %s/%s of plugins.secrets"):format(plugin.name, tostring(name)))
    end
  end
end

-- Why a statement cannot be one, before PostgreSQL is asked; nil when it may.
local function statement_fault(name, text)
  if not name:match "^%l[%w_]*$" then
    return "its name is a small letter, then letters, digits and _"
  elseif type(text) ~= "string" or text == "" or text:find("\0", 1, true) then
    return "it is a text of SQL, without a NUL"
  end
end

-- Fills in plugin.statements, by name. What a statement may be PostgreSQL says: here, where there is a database, and
-- each time that a connection prepares it (src/db/flight.c).
local function add_tables(self, plugin, at, found)
  local texts, refused = {}, {}
  plugin.statements = {}
  for _, name in ipairs(faults.names_of(plugin.manifest.tables or {})) do
    local text = plugin.manifest.tables[name]
    refused[name] = statement_fault(name, text)
    texts[name] = not refused[name] and text or nil
  end
  for name, why in pairs(next(texts) and plugins.judge(plugin.name, texts) or {}) do
    refused[name], texts[name] = why, nil
  end
  for _, name in ipairs(faults.names_of(refused)) do
    found:add(at, ("statement '%s': %s"):format(name, refused[name]))
  end
  for name, text in pairs(texts) do
    plugin.statements[name] = self.host.statement(plugin, name, text)
  end
end

-- A function (argument) of a provision: its result, checked; nil when it fails, which is logged.
local function as_function(self, plugin, handler, what, check)
  return function(argument)
    local ok, results = call(self, plugin, handler, argument)
    if not ok then
      return nil -- and logged
    end
    local holder = { body = results[1] ~= json.null and results[1] or {} }
    local is_sound, why = pcall(check, holder)
    if not is_sound then
      log.error("a plugin failed", {
        plugin = plugin.name, error = ("%s returned what it must not: %s"):format(what,
          problem.is(why) and why.detail or tostring(why)),
      })
    end
    return is_sound and holder.body or nil
  end
end

local function add_provision(self, plugin, kind, it, at, found)
  local spec = self.kinds[kind]
  local keys, required, before = { name = "string" }, { "name" }, #found.list
  for key, expected in pairs(spec.keys) do
    keys[key] = expected
  end
  table.move(spec.required, 1, #spec.required, 2, required)
  if type(it) ~= "table" then
    return found:add(at, ("'%s' is a list of tables"):format(kind))
  end
  check_keys(it, keys, required, at, ("one of %s"):format(kind), found)
  for key, words in pairs(spec.words or {}) do
    if type(it[key]) == "string" and not has(words, it[key]) then
      found:add(at, ("there are no %s of %s '%s'"):format(kind, key, it[key]),
        faults.nearest(it[key], words))
    end
  end
  if type(it.name) == "string" and not it.name:match "^%l[%w_-]*$" then
    found:add(at, ("'%s' is no name of one of %s"):format(it.name, kind), "small letters, digits, _ and -")
  end
  if #found.list > before then
    return
  end
  local made = { name = plugin.name .. "." .. it.name, it = it, functions = {} }
  for what, result in pairs(spec.results) do
    local check = schema.body(result, at, found)
    if it[what] and check then
      local label = ("%s %s %s"):format(kind, it.name, what)
      plugins.label(plugin.name, it[what].handler, label)
      made.functions[what] = as_function(self, plugin, it[what].handler, label, check)
    end
  end
  table.insert(self.provisions[kind], made)
end

local function add_provisions(self, plugin, at, found)
  for _, kind in ipairs(faults.names_of(self.kinds)) do
    for _, it in ipairs(plugin.manifest[kind] or {}) do
      add_provision(self, plugin, kind, it, at, found)
    end
  end
end

local loaded -- the registry

-- Every plugin of this generation; raises all faults of their manifests. `host` does what they ask for;
-- the registry has their routes, jobs and problems. `kinds`: what they may provide to the server
-- (workflows/provisions.lua).
-- `readers`: further lists of a manifest, each a key and read(item, at, found), which returns what to keep of an item,
-- or notes what is wrong with it.
local function load(host, kinds, readers)
  local self = setmetatable({
    host = host, on = {}, problems = {}, routes = {}, jobs = {}, kinds = kinds, provisions = {}, readers = readers,
    parts = {}, keys = {},
    capabilities = table.move(manifest.CAPABILITIES, 1, #manifest.CAPABILITIES, 1, {}),
  }, registry)
  for key, expected in pairs(manifest.KEYS) do
    self.keys[key] = expected
  end
  for _, kind in ipairs(faults.names_of(kinds)) do
    self.keys[kind], self.provisions[kind] = "table", {}
    table.insert(self.capabilities, kind)
  end
  for _, key in ipairs(faults.names_of(readers)) do
    self.keys[key], self.parts[key] = "table", {}
    table.insert(self.capabilities, key)
  end
  local found = faults.new()
  for _, plugin in ipairs(plugins.list()) do
    local at = "plugins/" .. plugin.name .. "/plugin.lua"
    manifest.check(plugin, self.keys, self.capabilities, at, found)
    configure(plugin, found)
    table.insert(self.problems, { file = at, list = plugin.manifest.problems or {} })
    add_hooks(self, plugin, at, found)
    add_routes(self, plugin, at, found)
    add_jobs(self, plugin, at, found)
    add_parts(self, plugin, at, found)
    add_secrets(plugin, at, found)
    add_tables(self, plugin, at, found)
    add_provisions(self, plugin, at, found)
    add_hosts(plugin, at, found)
  end
  for _, on in pairs(self.on) do
    on.before, on.after = ordered(on.before, found), ordered(on.after, found)
  end
  found:raise()
  loaded = self
  return self
end

-- What was kept of that key of all manifests, { name = "clinic.sms", it = what its reader returned } each.
local function parts(key)
  return loaded.parts[key]
end

-- What plugins provide of that kind, in the order of their names, each { name = "clinic.sms.sms", it = what the
-- manifest has, functions = { send = function(argument) … end } }.
local function provisions(kind)
  return loaded.provisions[kind]
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

return { load = load, parts = parts, provisions = provisions }
