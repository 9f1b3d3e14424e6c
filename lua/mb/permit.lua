-- Runs permission rules (mb.rule). A rule looks at who calls, at the row that the request is about, and
-- at what the caller is to that row: their part in its organization, whether they are its provider. That
-- last is loaded at most once a request, in one query, and only where the rest does not decide.
-- What cannot be answered is refused: a rule that fails denies and is logged.
local faults = require "mb.faults"
local log = require "mb.log"
local manage_token = require "mb.manage_token"
local problem = require "mb.problem"
local rule = require "mb.rule"

-- ---- rules become functions (req, row, standing) -> true, false, or nil: it takes the standing ----

local compile

local function compile_list(it, whole)
  local checks = {}
  for i, part in ipairs(it.argument) do
    checks[i] = compile(part, whole)
  end
  return checks
end

-- The first part that says `decisive` settles it; otherwise what is unknown stays so.
local function first(decisive)
  return function(it, whole)
    local checks = compile_list(it, whole)
    return function(req, row, standing)
      local held = not decisive
      for i = 1, #checks do
        local one = checks[i](req, row, standing)
        if one == decisive then
          return decisive
        elseif one == nil then
          held = nil
        end
      end
      return held
    end
  end
end

local any <const>, all <const> = first(true), first(false)

-- Whether the caller's membership reaches the row, where it is limited.
local function is_within(columns, standing)
  return (not columns.location or standing.in_locations) and (not columns.provider or standing.in_providers)
end

-- A rule on the caller's standing to what `column` of the row names: nobody has any to nothing.
local function on_standing(column, holds)
  return function(req, row, standing)
    if not req.user_id or row[column] == nil then
      return false
    end
    return standing and holds(standing)
  end
end

local COMPILERS <const> = {
  public = function() return function() return true end end,
  signed_in = function() return function(req) return req.user_id ~= nil end end,
  owner = function(_, whole)
    local column = whole.columns.owner
    return function(req, row)
      return req.user_id ~= nil and row[column] == req.user_id
    end
  end,
  token_holder = function()
    return function(req, row)
      return manage_token.matches(req.token, row.id, row.tokenVersion)
    end
  end,
  platform_role = function(it, whole)
    local ranks = whole.vocabulary.platform_rank
    local least = ranks[it.argument]
    return function(req)
      return req.user_id ~= nil and (ranks[req.user_role] or 0) >= least
    end
  end,
  provider_self = function(_, whole)
    return on_standing(whole.columns.provider, function(standing) return standing.is_provider end)
  end,
  organization_role = function(it, whole)
    local ranks = whole.vocabulary.organization_rank
    local least = ranks[it.argument]
    return on_standing(whole.columns.organization, function(standing)
      return (ranks[standing.role] or 0) >= least and is_within(whole.columns, standing)
    end)
  end,
  organization_permission = function(it, whole)
    local wanted = it.argument
    local granted = whole.vocabulary.granted
    return on_standing(whole.columns.organization, function(standing)
      local by_role = granted[standing.role]
      return by_role ~= nil and (by_role[wanted] or standing.permissions[wanted] or false)
        and is_within(whole.columns, standing)
    end)
  end,
  any = any, all = all,
  none = function(it, whole)
    local check = any(it, whole)
    return function(...)
      local held = check(...)
      if held ~= nil then
        return not held
      end
    end
  end,
}

function compile(it, whole)
  return COMPILERS[it.kind](it, whole)
end

-- ---- loading ----

local PUBLIC <const> = { name = "public", node = { kind = "public" }, columns = {} }

-- The rules of every file of permissions/, all faults at once. `modules` are their names.
local function load(modules)
  local found = faults.new()
  for _, module in ipairs(modules) do
    local ok, rules = pcall(require, module)
    if not ok then
      found:take(tostring(rules))
    end
  end
  found:raise()
end

-- The rule of "public" or "<resource>.<action>"; an error when there is none.
local function find(name, where)
  if name == "public" then
    return PUBLIC
  end
  local resource, action = name:match("^(%l[%l_]*)%.(%l[%l_]*)$")
  if not resource then
    error(("%s: permission '%s' is neither public nor <resource>.<action>"):format(where, name), 0)
  end
  local rules = require("permissions." .. resource)
  local found = type(rules) == "table" and rawget(rules, action)
  if type(found) ~= "table" or not found.node then
    error(("%s: permissions/%s.lua has no rule '%s' (%s)"):format(where, resource, action,
      faults.nearest(action, type(rules) == "table" and faults.names_of(rules) or {})), 0)
  end
  return found
end

-- ---- judging ----

local judge = {}
judge.__index = judge

local function value_of(row, column)
  return column and row[column]
end

local function decide(self, it)
  it.check = it.check or compile(it.node, it)
  local held = it.check(self.req, self.row, self.standing)
  if held == nil then
    local columns = it.columns
    self.standing = self.load_standing(self.req.user_id, value_of(self.row, columns.organization),
      value_of(self.row, columns.provider), value_of(self.row, columns.location))
    held = it.check(self.req, self.row, self.standing)
  end
  return held == true
end

-- Whether the caller may what this rule is about. The database's problems are raised as they are.
function judge:allows(it)
  local ok, held = pcall(decide, self, it)
  if ok then
    return held
  elseif problem.is(held) then
    error(held, 0)
  end
  log.error("a permission rule failed and so denies", {
    rule = it.name, at = it.at, who = rule.describe(it), error = tostring(held), request = self.req.id,
  })
  return false
end

local function not_found()
  error(problem(404, "not_found", "there is no such thing, or it is not yours to see"))
end

-- Whoever may not see a thing is told that it does not exist; whoever sees it, that this is not for them.
function judge:demand(it)
  if self:allows(it) then
    return
  end
  local view = it.beside and rawget(it.beside, "view")
  if self.row and view and view ~= it and self:allows(view) then
    error(problem(403, "not_allowed", "you may see this, but not do this with it"))
  end
  not_found()
end

local function new_judge(req, row, load_standing)
  return setmetatable({ req = req, row = row, load_standing = load_standing }, judge)
end

local function is_public(it)
  return it.node.kind == "public"
end

-- Credentials are asked for before anything is looked up, so that the answer does not tell
-- whether a thing exists.
local function identify(it, req)
  if not is_public(it) and not req.token then
    error(problem(401, "authentication_required", "send Authorization: Bearer with a token that may do this",
      { headers = { ["WWW-Authenticate"] = "Bearer" } }))
  end
end

return {
  load = load, find = find, is_public = is_public, identify = identify, judge = new_judge, not_found = not_found,
}
