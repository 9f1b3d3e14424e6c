-- Runs permission rules (mb.rule). A rule looks at who calls and at the row that the request is about. Of the caller
-- the session tells (workflows/session.lua) user_id and user_role, provider_id, and memberships: organization -> {
-- role, permissions = set of those granted by name, locations and providers = sets that limit it, nil = any }.
-- What cannot be answered is refused: a rule that fails denies and is logged.
local faults = require "mb.faults"
local log = require "mb.log"
local manage_token = require "mb.manage_token"
local problem = require "mb.problem"
local rule = require "mb.rule"

-- ---- rules become functions (req, row) -> whether they let the caller in ----

local compile

local function compile_list(it, whole)
  local checks = {}
  for i, part in ipairs(it.argument) do
    checks[i] = compile(part, whole)
  end
  return checks
end

-- The first part that says `decisive` settles it.
local function first(decisive)
  return function(it, whole)
    local checks = compile_list(it, whole)
    return function(req, row)
      for i = 1, #checks do
        if checks[i](req, row) == decisive then
          return decisive
        end
      end
      return not decisive
    end
  end
end

local any <const>, all <const> = first(true), first(false)

-- What a row says in a column that its resource may not have.
local function value_of(row, column)
  return column and row[column]
end

-- Whether what the row names is among those that a membership is limited to; a row that names none is not.
local function is_within(limit, column, row)
  local value = value_of(row, column)
  return not column or not limit or value ~= nil and limit[value] or false
end

-- A rule on the caller's membership in the organization of the row: nobody has any in none.
local function on_membership(whole, holds)
  local columns = whole.columns
  return function(req, row)
    local organization = row[columns.organization]
    local membership = organization ~= nil and req.memberships and req.memberships[organization]
    return membership ~= nil and membership ~= false and holds(membership)
      and is_within(membership.locations, columns.location, row)
      and is_within(membership.providers, columns.provider, row)
  end
end

-- Whether a membership gives what an organization_role or organization_permission asks for: f(membership).
local GIVES <const> = {
  organization_role = function(it, vocabulary)
    local ranks = vocabulary.organization_rank
    local least = ranks[it.argument]
    return function(membership) return (ranks[membership.role] or 0) >= least end
  end,
  organization_permission = function(it, vocabulary)
    local wanted, granted = it.argument, vocabulary.granted
    return function(membership)
      local by_role = granted[membership.role]
      return by_role ~= nil and (by_role[wanted] or membership.permissions[wanted] or false)
    end
  end,
}

local function compile_membership(it, whole)
  return on_membership(whole, GIVES[it.kind](it, whole.vocabulary))
end

local COMPILERS <const> = {
  public = function() return function() return true end end,
  signed_in = function() return function(req) return req.user_id ~= nil end end,
  shown = function(_, whole)
    local column = whole.columns.shown
    return function(_, row) return row[column] == true end
  end,
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
    local column = whole.columns.provider
    return function(req, row)
      return req.provider_id ~= nil and row[column] == req.provider_id
    end
  end,
  organization_role = compile_membership,
  organization_permission = compile_membership,
  any = any, all = all,
  none = function(it, whole)
    local check = any(it, whole)
    return function(req, row) return not check(req, row) end
  end,
}

function compile(it, whole)
  return COMPILERS[it.kind](it, whole)
end

-- ---- loading ----

local PUBLIC <const> = { name = "public", node = { kind = "public" }, columns = {} }

local known -- names of rules, set by load

-- The rules of every file of permissions/, all faults at once. `modules` are their names.
local function load(modules)
  local found = faults.new()
  known = {}
  for _, module in ipairs(modules) do
    local ok, rules = pcall(require, module)
    if not ok then
      found:take(tostring(rules))
    end
    for _, action in ipairs(ok and type(rules) == "table" and faults.names_of(rules) or {}) do
      local it = rawget(rules, action)
      known[#known + 1] = type(it) == "table" and it.node and it.name or nil
    end
  end
  found:raise()
end

-- The names of all rules that were loaded.
local function names()
  return known
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

local function decide(self, it)
  it.check = it.check or compile(it.node, it)
  return it.check(self.req, self.row)
end

-- Whether the caller may what this rule is about; with a program's key, whether that may it too.
function judge:allows(it)
  local of_key = self.req.key_permissions
  if of_key and not of_key[it.name] then
    return false
  end
  local ok, held = pcall(decide, self, it)
  if ok then
    return held
  end
  log.error("a permission rule failed and so denies", {
    rule = it.name, at = it.at, who = rule.describe(it), error = tostring(held), request = self.req.id,
  })
  return false
end

local function not_found()
  error(problem(404, "not_found", "not found, or not yours to see"))
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

local function new_judge(req, row)
  return setmetatable({ req = req, row = row }, judge)
end

local function is_public(it)
  return it.node.kind == "public"
end

-- Whether a rule may let in somebody of whom nothing is known.
local function opens(it)
  if it.kind == "any" or it.kind == "all" then
    local decisive = it.kind == "any"
    for _, part in ipairs(it.argument) do
      if opens(part) == decisive then
        return decisive
      end
    end
    return not decisive
  end
  return it.kind == "public" or it.kind == "shown" or it.kind == "none"
end

local function is_open(it) return opens(it.node) end

local function demand_token()
  error(problem(401, "authentication_required", "send Authorization: Bearer with a token that may do this",
    { headers = { ["WWW-Authenticate"] = "Bearer" } }))
end

-- Credentials are asked for before anything is looked up, so that the answer does not tell
-- whether a thing exists. The token of a row is none where no rule of the resource looks at one, or anything that
-- begins like it would be let through to the row.
local function identify(it, req)
  local is_of_row = req.token and manage_token.is_one(req.token)
  if not is_open(it) and (not req.token or is_of_row and not it.columns.token) then
    demand_token()
  end
end

-- A program's key may no more than it was given. Where everybody may, by no rule that it could have been given, it is
-- nobody's.
local function restrict(it, req)
  local of_key = req.key_permissions
  if not of_key then
    return
  elseif it == PUBLIC then
    req.user_id, req.user_role, req.provider_id, req.memberships = nil, nil, nil, nil
  elseif not of_key[it.name] then
    error(problem(403, "key_not_allowed", ("this key was not given %s"):format(it.name)))
  end
end

-- A list has no row whose token one could hold: unless its rule is open, it is for whoever is signed in.
local function identify_reader(it, req)
  if not is_open(it) and not req.user_id then
    demand_token()
  end
end

return {
  load = load, find = find, is_public = is_public, is_open = is_open, identify = identify,
  identify_reader = identify_reader,
  judge = new_judge, not_found = not_found, gives = GIVES, names = names, restrict = restrict,
}
