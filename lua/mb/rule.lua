-- Permission rules as data: what permissions/<resource>.lua is made of.
--
--   local may = require "permissions.may"
--   return may.rules("bookings", { owner = "clientId", … }, {
--     view = may.any { may.owner, may.platform_role "ADMIN" }, …
--   })
--
-- First the columns by which a row belongs to somebody: `owner` names a user, `provider` a provider, `organization` an
-- organization, `location` a place; `shown` says whether everybody may see the row;
-- `token = true`: whoever holds the row's token (mb.manage_token) may be let in. A
-- member of an organization who is limited to some locations or providers is limited in each resource that names that
-- column. A column that answers do not show is written "_clientId", as the statement that selects it writes it.
-- Then the rules, by the names of actions:
--
--   may.public                                 everybody; no token is asked for
--   may.signed_in                              every user
--   may.shown                                  everybody, of rows whose shown column is true; no token
--                                              is asked for
--   may.owner                                  the user that the row's owner column names
--   may.provider_self                          the user who is the provider that the row names
--   may.token_holder                           whoever holds the row's token
--   may.platform_role "ADMIN"                  this role of the platform or a higher one
--   may.organization_role "MANAGER"            this role in the row's organization or a higher one
--   may.organization_permission "MANAGE_…"     members of that organization who have the permission,
--                                              by role or by name, within the limits of their membership
--   may.any { … }   may.all { … }              one of these, each of these
--   may.none { … }                             not one of these; only inside `all`, beside a rule that
--                                              says who may
--
-- Roles of the platform and of an organization are different things, although both know an ADMIN.
-- Nothing here runs a rule: mb.permit does.
local faults = require "mb.faults"

-- kind -> what it takes (nothing, "word" or "list"), the column it needs, its words in the vocabulary
local KINDS <const> = {
  public = {}, signed_in = {}, shown = { column = "shown" },
  owner = { column = "owner" }, provider_self = { column = "provider" }, token_holder = { column = "token" },
  platform_role = { takes = "word", words = "platform_roles", is = "a platform role" },
  organization_role = { takes = "word", column = "organization", words = "organization_roles",
    is = "an organization role" },
  organization_permission = { takes = "word", column = "organization", words = "organization_permissions",
    is = "an organization permission" },
  any = { takes = "list" }, all = { takes = "list" }, none = { takes = "list" },
}
local NAMES <const> = faults.names_of(KINDS)
local WRITTEN <const> = "rules are written may.owner, may.any { … }"

local node = {}

-- may.kind(argument)
function node.__call(self, argument)
  return setmetatable({ kind = self.kind, at = self.at, argument = argument, is_called = true }, node)
end

local function is_node(value)
  return type(value) == "table" and getmetatable(value) == node
end

-- ---- in words ----

local JOINTS <const> = { any = ", or ", all = ", and ", none = ", or " }

local describe_node

local function describe_list(it, columns)
  local parts = {}
  for i, part in ipairs(it.argument) do
    local is_list = KINDS[part.kind].takes == "list" and part.kind ~= "none" and #part.argument > 1
    local text = describe_node(part, columns)
    parts[i] = is_list and "(" .. text .. ")" or text
  end
  local text = table.concat(parts, JOINTS[it.kind])
  return it.kind ~= "none" and text or #parts > 1 and "not (" .. text .. ")" or "not " .. text
end

local function within(columns)
  local limits = {}
  for _, key in ipairs { "location", "provider" } do
    limits[#limits + 1] = columns[key] and key .. "s" or nil
  end
  return #limits > 0 and ", within the " .. table.concat(limits, " and ") .. " of their membership" or ""
end

local DESCRIPTIONS <const> = {
  public = function() return "everybody" end,
  signed_in = function() return "whoever is signed in" end,
  shown = function(_, columns) return ("everybody where `%s` is true"):format(columns.shown) end,
  owner = function(_, columns) return ("the user in `%s`"):format(columns.owner) end,
  provider_self = function(_, columns) return ("the provider in `%s`"):format(columns.provider) end,
  token_holder = function() return "whoever holds its token" end,
  platform_role = function(it) return ("platform role %s or higher"):format(it.argument) end,
  organization_role = function(it, columns)
    return ("role %s or higher in its organization%s"):format(it.argument, within(columns))
  end,
  organization_permission = function(it, columns)
    return ("%s in its organization%s"):format(it.argument, within(columns))
  end,
  any = describe_list, all = describe_list, none = describe_list,
}

function describe_node(it, columns)
  return DESCRIPTIONS[it.kind](it, columns)
end

-- A rule in one line of words.
local function describe(rule)
  return describe_node(rule.node, rule.columns)
end

-- ---- checks ----

local check_node

local function check_word(it, context)
  local kind = KINDS[it.kind]
  local words = context.vocabulary[kind.words]
  for _, word in ipairs(words) do
    if word == it.argument then
      return
    end
  end
  local hint = faults.nearest(it.argument == nil and "" or it.argument, words)
  context.note(it.at, it.argument == nil and ("%s takes %s"):format(it.kind, kind.is)
    or ("'%s' is not %s"):format(tostring(it.argument), kind.is), hint)
end

local function check_list(it, context)
  local list = it.argument
  if type(list) ~= "table" or is_node(list) or #list == 0 then
    return context.note(it.at, ("`%s` takes a list of rules"):format(it.kind),
      ("write may.%s { may.owner, may.signed_in }"):format(it.kind))
  end
  for i, part in ipairs(list) do
    if is_node(part) then
      check_node(part, context, it)
    else
      context.note(it.at, ("entry %d of `%s` is a %s, not a rule"):format(i, it.kind, type(part)), WRITTEN)
    end
  end
  for _, key in ipairs(faults.names_of(list)) do
    context.note(it.at, ("`%s` takes a list of rules, without the key '%s'"):format(it.kind, key))
  end
end

-- `none` alone would let in whoever it does not name, so a rule beside it has to say who may.
local function check_none(it, context, outer)
  local is_safe = false
  for _, beside in ipairs(outer and outer.kind == "all" and outer.argument or {}) do
    is_safe = is_safe or is_node(beside) and beside.kind ~= "none"
  end
  if not is_safe then
    context.note(it.at, "`none` says only who may not",
      "put it into may.all { … } beside a rule that says who may")
  end
end

function check_node(it, context, outer)
  local kind = KINDS[it.kind]
  if not kind then
    return context.note(it.at, ("there is no rule `may.%s`"):format(tostring(it.kind)),
      faults.nearest(it.kind, NAMES))
  end
  if kind.takes and not it.is_called then
    return context.note(it.at, ("`%s` takes a %s"):format(it.kind, kind.takes == "list" and "list of rules" or "word"))
  elseif not kind.takes and it.is_called then
    context.note(it.at, ("`%s` takes nothing: write may.%s"):format(it.kind, it.kind))
  end
  if it.kind == "public" and outer then
    context.note(it.at, ("`public` stands alone, not inside `%s`: it lets in everybody"):format(outer.kind))
  elseif it.kind == "none" then
    check_none(it, context, outer)
  end
  if kind.column and not context.columns[kind.column] then
    context.note(it.at, ("`%s` says nothing about %s, which name no `%s`"):format(it.kind, context.resource,
      kind.column), ("name the column: may.rules(\"%s\", { %s = … }, …)"):format(context.resource, kind.column))
  end
  if kind.takes == "word" then
    check_word(it, context)
  elseif kind.takes == "list" then
    check_list(it, context)
  end
end

local function needs_row(it)
  local found = KINDS[it.kind].column ~= nil
  for _, part in ipairs(KINDS[it.kind].takes == "list" and it.argument or {}) do
    found = found or needs_row(part)
  end
  return found
end

-- ---- files ----

local rules = {}

-- A name that is none is told where it is used, not where nil would hurt.
function rules.__index(self, action)
  local list = faults.names_of(self)
  error(("there is no rule '%s' (%s)"):format(tostring(action), faults.nearest(action, list)), 2)
end

local function check_actions(actions, context, at)
  if #actions > 0 then
    context.note(at, "a rule has no name of an action", "write view = may.owner")
  end
  for _, action in ipairs(faults.names_of(actions)) do
    local it = actions[action]
    if not action:find "^%l[%l_]*$" then
      context.note(at, ("'%s' is no name of an action"):format(action), "names are of small letters and _")
    elseif not is_node(it) then
      context.note(at, ("the rule of '%s' is a %s"):format(action, type(it)), WRITTEN)
    else
      check_node(it, context)
    end
  end
end

local COLUMNS <const> = {
  owner = "string", provider = "string", organization = "string", location = "string", shown = "string",
  token = "boolean",
}

local function check_columns(resource, columns, note)
  for _, key in ipairs(faults.names_of(columns)) do
    if not COLUMNS[key] then
      note(("%s have the unknown column '%s'"):format(resource, key), faults.nearest(key, faults.names_of(COLUMNS)))
    elseif type(columns[key]) ~= COLUMNS[key] then
      note(("%s: `%s` is a %s"):format(resource, key, COLUMNS[key]))
    end
  end
  if columns.location and not columns.organization then
    note(("%s have a location but no organization, whose members it could limit"):format(resource))
  end
end

-- action -> { name, at, node, vocabulary, columns, beside (all of them), needs_row }
local function build(vocabulary, resource, columns, actions, at)
  local found = faults.new()
  local function note(...)
    found:add(...)
  end
  if type(resource) ~= "string" or not resource:find "^%l[%l_]*$" then
    note(at, ("'%s' is no name of a resource"):format(tostring(resource)), "names are of small letters and _")
  elseif type(columns) ~= "table" or type(actions) ~= "table" or not next(actions) then
    note(at, ("%s have no rule: a table of columns comes second, {} for none, a table of actions third")
      :format(resource))
  else
    check_columns(resource, columns, function(...) note(at, ...) end)
    check_actions(actions, { vocabulary = vocabulary, resource = resource, columns = columns, note = note }, at)
  end
  found:raise()
  local made = {}
  for action, it in pairs(actions) do
    made[action] = {
      name = resource .. "." .. action, at = it.at, node = it, vocabulary = vocabulary, columns = columns,
      beside = made, needs_row = needs_row(it),
    }
  end
  return setmetatable(made, rules)
end

-- `may`: what files of permissions/ write rules with. Every use notes its file and line.
local function writer(vocabulary)
  local may = {}
  function may.rules(resource, columns, actions)
    return build(vocabulary, resource, columns, actions, faults.here(2, ("permissions/%s.lua"):format(resource)))
  end
  return setmetatable(may, {
    __index = function(_, kind) return setmetatable({ kind = kind, at = faults.here(2) }, node) end,
    __newindex = function() error("`may` takes no new kinds of rules", 2) end,
  })
end

return { writer = writer, describe = describe }
