-- Turns route tables into what the server runs and documents. A route is
--
--   { method = "GET", path = "/v1/things/{id}", summary = "…", permission = "public",
--     params = fields, query = fields, body = schema or "stream", max_body = bytes, auth = true,
--     subject = function(req) return row end, handler = function(req, subject, judge) … end,
--     description = "…", headers = { idempotency.HEADER }, sends = { conditional.ETAG },
--     limit = { per = "address", requests = 30, window = "1h" }, lists = true,
--     responses = { [200] = schema or "text/csv" or false }, errors = { [409] = { "slot_taken" } } }
--
-- `permission` is "public" or "<resource>.<action>", a rule of permissions/<resource>.lua; a
-- route without one does not load. Where a token may be sent, `authenticate` (given to new) has
-- looked at it before the handler runs: always behind a rule, and on public routes that say
-- `auth = true`. `subject` loads the row that the rule judges (nil answers 404) and is
-- handed on to the handler, with the judge (mb.permit), who also answers for other rules on that row.
-- `limit`: how often it may be asked (mb.limit). `lists`: the rule stands in the statement of the handler
-- (mb.condition), which shows the rows that it allows; nobody is refused but who sends no token where one is needed.
-- `responses` is a schema, a media type or range of them (or { media =, example = }) or false (no body) for each
-- status, `errors` the codes of problems that this route has beyond those of its kind: answers are held to both. A
-- route without `responses` promises nothing. `headers` are the fields that it reads, each with the `errors` that come
-- of it, `sends` those that it adds to what succeeds; an ETag there makes a GET conditional.
-- Unknown keys, missing keys and wrong types are faults at load.
local faults = require "mb.faults"
local limit = require "mb.limit"
local permit = require "mb.permit"
local responses = require "mb.responses"
local schema = require "mb.schema"
local source = require "mb.source"

local METHODS <const> = { "GET", "POST", "PUT", "PATCH", "DELETE" }
-- key -> the type of its value, "body" for what takes a schema or a word
local KEYS <const> = {
  method = "string", path = "string", summary = "string", permission = "string", handler = "function",
  params = "table", query = "table", body = "body", max_body = "number", subject = "function", auth = "boolean",
  limit = "table", lists = "boolean",
  description = "string", headers = "table", sends = "table", responses = "table", errors = "table",
}
local REQUIRED <const> = { "method", "path", "summary", "permission", "handler" }

local function check_types(route, wrong)
  for key, value in pairs(route) do
    if not KEYS[key] then
      wrong(("unknown key '%s' of a route"):format(tostring(key)), faults.nearest(key, faults.names_of(KEYS)))
    elseif KEYS[key] == "body" then
      if type(value) ~= "table" and value ~= "stream" then
        wrong("'body' is a schema or \"stream\"")
      end
    elseif type(value) ~= KEYS[key] then
      wrong(("'%s' of a route is a %s, not a %s"):format(key, type(value), KEYS[key]))
    end
  end
  for _, key in ipairs(REQUIRED) do
    if route[key] == nil then
      wrong(("a route needs '%s'"):format(key))
    end
  end
end

local function check(route, wrong, where, found, codes)
  check_types(route, wrong)
  responses.verify(route, wrong, where, found, codes)
  if type(route.max_body) == "number" and not (math.tointeger(route.max_body) and route.max_body > 0) then
    wrong("'max_body' of a route is a number of bytes")
  end
  local is_known = false
  for _, method in ipairs(METHODS) do
    is_known = is_known or method == route.method
  end
  if type(route.method) == "string" and not is_known then
    wrong(("method '%s' is not one of %s"):format(route.method, table.concat(METHODS, ", ")))
  end
  if route.body and (route.method == "GET" or route.method == "DELETE") then
    wrong(("a %s route takes no body"):format(route.method))
  end
end

-- The names in the braces of a path, as a set.
local function names_in(path)
  local names = {}
  for name in path:gmatch "{([^{}]*)}" do
    names[name] = true
  end
  return names
end

-- What a request goes through before the handler: rule, and the checks that the route has; a fault is
-- noted. The route is sound otherwise.
local function checks_of(route, where, found)
  local checks = { auth = route.auth, subject = route.subject, lists = route.lists }
  local is_found, rule = pcall(permit.find, route.permission, where)
  if not is_found then
    found:take(tostring(rule))
  else
    checks.rule, checks.auth = rule, route.auth or not permit.is_public(rule)
    if rule.needs_row and not route.subject and not route.lists then
      found:add(where, ("permission '%s' judges a row: the route needs `subject`"):format(rule.name))
    end
  end
  checks.limits = limit.read(route, function(text, hint)
    found:add(where, text, hint)
  end)
  checks.limit = #found.list == 0 and limit.compile(checks.limits) or nil
  checks.params = route.params and schema.params(route.params, names_in(route.path), where, found)
  checks.query = route.query and schema.query(route.query, where, found)
  checks.body = type(route.body) == "table" and schema.body(route.body, where, found)
  if checks.body then
    schema.check_formats(route.body, where, found)
  end
  return checks
end

-- For everybody, and about no row: only what was sent is checked.
local function compile_public(checks, handler)
  local params, query, body, limited = checks.params, checks.query, checks.body, checks.limit
  if not (params or query or body or limited) then
    return handler
  end
  return function(req)
    if params then
      params(req)
    end
    if query then
      query(req)
    end
    if body then
      body(req)
    end
    if limited then
      limited(req)
    end
    return handler(req)
  end
end

-- One function per route with nothing in it that the route does not use. The handler gets req, and where the
-- route has a rule or a subject the row and the judge of the caller (mb.permit).
local function compile(checks, handler, authenticate)
  local rule, params, query, body, subject = checks.rule, checks.params, checks.query, checks.body, checks.subject
  local auth, limited, is_public = checks.auth, checks.limit, permit.is_public(rule)
  local lists = checks.lists
  local is_judged = not is_public and not lists
  if is_public and not auth and not subject then
    return compile_public(checks, handler)
  end
  return function(req)
    permit.identify(rule, req)
    if auth then
      authenticate(req)
      permit.restrict(rule, req)
    end
    if lists then
      permit.identify_reader(rule, req)
    end
    if params then
      params(req)
    end
    if query then
      query(req)
    end
    if body then
      body(req)
    end
    local it
    if subject then
      it = subject(req) or permit.not_found()
    end
    local judge = permit.judge(req, it)
    if is_judged then
      judge:demand(rule)
    end
    if limited then
      limited(req)
    end
    return handler(req, it, judge)
  end
end

local routes = {}
routes.__index = routes

function routes:add(module, list)
  local file = module:gsub("%.", "/") .. ".lua"
  if type(list) ~= "table" then
    return self.found:add(file, "a route file returns a list of routes")
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      self.found:add(file, ("a route file returns a list of routes, without the key '%s'"):format(tostring(key)))
    end
  end
  for i, route in ipairs(list) do
    self:add_one(route, file, i)
  end
end

-- `file` is where the route stands, with or without a line.
function routes:add_one(route, file, i)
  local found = self.found
  if type(route) ~= "table" then
    return found:add(file, ("route %d: a route is a table"):format(i))
  end
  local at = type(route.handler) == "function" and source(route.handler) or file
  local where = at:sub(1, #file) == file and at or file
  local before = #found.list
  check(route, function(text, hint)
    found:add(where, ("route %d: %s"):format(i, text), hint)
  end, where, found, self.codes)
  if #found.list > before then
    return
  end
  local checks = checks_of(route, where, found)
  if #found.list > before then
    return
  end
  local handler, hooks = self.plugins:around(route, route.handler)
  local problems = responses.problems {
    route = route, auth = checks.auth, is_public = permit.is_public(checks.rule),
    is_open = permit.is_open(checks.rule), hooks = hooks, limits = checks.limits,
  }
  self.list[#self.list + 1] = {
    where = where,
    method = route.method,
    pattern = route.path,
    body = route.body == "stream" and "stream" or route.body and "json" or "none",
    max_body = math.tointeger(route.max_body) or 0,
    run = compile(checks, handler, self.authenticate),
    responses = responses.promised(route), codes = route.responses and responses.set_of(problems, self.codes),
    problems = problems, route = route, rule = checks.rule, auth = checks.auth, limits = checks.limits, hooks = hooks,
  }
end

-- The list for the server, of { where, method, pattern, body, max_body, run, responses, codes }, and for mb.openapi and
-- mb.explain { route, rule, auth, limits, hooks, problems }; raises every fault of every route.
function routes:compiled()
  local patterns = {}
  for i, it in ipairs(self.plugins.routes) do
    self:add_one(it.route, it.file, i)
  end
  self.found:raise()
  for i, it in ipairs(self.list) do
    patterns[i] = it.method .. " " .. it.pattern
  end
  self.plugins:finish(patterns)
  return self.list
end

-- A file of routes, or a resource that has them (mb.resource), that does not load is a fault like others.
function routes:add_file(module)
  local ok, list = pcall(require, module)
  if ok then
    self:add(module, type(list) == "table" and list.routes or list)
  else
    self.found:take(tostring(list))
  end
end

-- authenticate(req) notes on req who calls (see mb.permit), or raises 401 for a token that is none. plugins: see
-- mb.plugin; codes: mb.problem_codes.
local function new(authenticate, plugins, codes)
  return setmetatable({
    list = {}, found = faults.new(), authenticate = authenticate, plugins = plugins, codes = codes,
  }, routes)
end

return { new = new }
