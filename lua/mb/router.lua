-- Turns route tables into what the server runs. A route is
--
--   { method = "GET", path = "/v1/things/{id}", summary = "…", permission = "public",
--     query = fields, body = schema or "stream", max_body = bytes, auth = true,
--     subject = function(req) return row end, handler = function(req, subject, judge) … end }
--
-- `permission` is "public" or "<resource>.<action>", a rule of permissions/<resource>.lua; a
-- route without one does not load. Where a token may be sent, `authenticate` (given to new) has
-- looked at it before the handler runs: always behind a rule, and on public routes that say
-- `auth = true`. `subject` loads the row that the rule judges (nil answers 404) and is
-- handed on to the handler, with the judge (mb.permit), who also answers for other rules on that row.
-- Unknown keys, missing keys and wrong types are errors at load.
local schema = require "mb.schema"
local permit = require "mb.permit"

local METHODS <const> = { GET = true, POST = true, PUT = true, PATCH = true, DELETE = true }
local KEYS <const> = {
  method = "string", path = "string", summary = "string", permission = "string", handler = "function",
  query = "table", body = "body", max_body = "number", subject = "function", auth = "boolean",
}
local REQUIRED <const> = { "method", "path", "summary", "permission", "handler" }

local function check(route, where)
  if type(route) ~= "table" then
    error(where .. ": a route is a table", 0)
  end
  for key, value in pairs(route) do
    if not KEYS[key] then
      error(("%s: unknown key '%s' of a route"):format(where, tostring(key)), 0)
    elseif KEYS[key] == "body" then
      if type(value) ~= "table" and value ~= "stream" then
        error(("%s: 'body' is a schema or \"stream\""):format(where), 0)
      end
    elseif type(value) ~= KEYS[key] then
      error(("%s: '%s' of a route is a %s, not a %s"):format(where, key, type(value), KEYS[key]), 0)
    end
  end
  for _, key in ipairs(REQUIRED) do
    if route[key] == nil then
      error(("%s: a route needs '%s'"):format(where, key), 0)
    end
  end
  if route.max_body and not (math.tointeger(route.max_body) and route.max_body > 0) then
    error(("%s: 'max_body' of a route is a number of bytes"):format(where), 0)
  end
  if not METHODS[route.method] then
    error(("%s: method '%s' is not one of GET, POST, PUT, PATCH, DELETE"):format(where, route.method), 0)
  end
  if route.body and (route.method == "GET" or route.method == "DELETE") then
    error(("%s: a %s route takes no body"):format(where, route.method), 0)
  end
end

-- One function per route with nothing in it that the route does not use.
local function compile(route, where, authenticate, load_standing, plugins)
  local rule = permit.find(route.permission, where)
  if rule.needs_row and not route.subject then
    error(("%s: permission '%s' judges a row: the route needs `subject`"):format(where, rule.name), 0)
  end
  local query = route.query and schema.query(route.query, where)
  local body = type(route.body) == "table" and schema.body(route.body, where)
  local subject, handler = route.subject, plugins:around(route, route.handler)
  local auth = route.auth or not permit.is_public(rule)
  if not (auth or query or body or subject) then
    return handler
  end
  return function(req)
    permit.identify(rule, req)
    if auth then
      authenticate(req)
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
    local judge = permit.judge(req, it, load_standing)
    judge:demand(rule)
    return handler(req, it, judge)
  end
end

local routes = {}
routes.__index = routes

function routes:add(module, list)
  local file = module:gsub("%.", "/") .. ".lua"
  if type(list) ~= "table" then
    error(file .. ": a route file returns a list of routes", 0)
  end
  for key in pairs(list) do
    if math.type(key) ~= "integer" or key < 1 or key > #list then
      error(("%s: a route file returns a list of routes, without the key '%s'"):format(file, tostring(key)), 0)
    end
  end
  for i, route in ipairs(list) do
    self:add_one(route, file, i)
  end
end

function routes:add_one(route, file, i)
  check(route, ("%s: route %d"):format(file, i))
  local where = ("%s: %s %s"):format(file, route.method, route.path)
  self.list[#self.list + 1] = {
    where = where,
    method = route.method,
    pattern = route.path,
    body = route.body == "stream" and "stream" or route.body and "json" or "none",
    max_body = math.tointeger(route.max_body) or 0,
    run = compile(route, where, self.authenticate, self.load_standing, self.plugins),
  }
end

function routes:compiled()
  local patterns = {}
  for i, it in ipairs(self.plugins.routes) do
    self:add_one(it.route, it.file, i)
  end
  for i, it in ipairs(self.list) do
    patterns[i] = it.method .. " " .. it.pattern
  end
  self.plugins:finish(patterns)
  return self.list
end

-- authenticate(req) notes on req who calls, or raises 401 for a token that is none.
-- load_standing(user, organization, provider, location) tells what that user is to these (see
-- workflows/session.lua); those that are nil are not asked for. plugins: see mb.plugin.
local function new(authenticate, load_standing, plugins)
  return setmetatable({
    list = {}, authenticate = authenticate, load_standing = load_standing, plugins = plugins,
  }, routes)
end

return { new = new }
