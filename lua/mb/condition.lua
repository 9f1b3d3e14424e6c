-- Permission rules as conditions of SQL, over what the session tells of the caller (mb.permit), so that a list holds
-- exactly the rows that a rule allows and a field is shown to whom it may be. A rule is made of atoms. What an atom
-- says of the caller is a fact, worked out for each request and sent as one jsonb; what it says of the row is SQL:
--
--   shown                     t."isActive"
--   owner, provider_self      t."clientId" = <the user, the provider>
--   organization_…            t."organizationId" is one of the memberships that give it, within its limits
--   all others                do not look at the row: true or false
--
-- In a list nobody holds a row's token. The row is called t, a membership m.
local json = require "mb.json"
local permit = require "mb.permit"

local MEMBERSHIPS <const> = [[jsonb_to_recordset(%s) AS m("o" text, "l" text[], "p" text[])]]

-- The column of the row: answers do not show one that is written with _.
local function column_of(name)
  return ('t."%s"'):format((name:gsub("^_", "")))
end

-- ---- facts ----

local function keys_of(set)
  local list = json.array()
  for key in pairs(set) do
    list[#list + 1] = key
  end
  return list
end

-- The memberships that give what an atom asks for.
local function memberships(it, whole)
  local gives = permit.gives[it.kind](it, whole.vocabulary)
  return function(req)
    local list
    for organization, membership in pairs(req.memberships or {}) do
      if gives(membership) then
        list = list or json.array()
        list[#list + 1] = {
          o = organization, l = membership.locations and keys_of(membership.locations),
          p = membership.providers and keys_of(membership.providers),
        }
      end
    end
    return list
  end
end

-- What holds whatever the row is.
local function constant(it, whole)
  local alone = { name = whole.name, node = it, vocabulary = whole.vocabulary, columns = {} }
  return function(req) return permit.judge(req, {}):allows(alone) end
end

-- The SQL of what a membership m has to be for the row.
local function limits(whole)
  local columns, list = whole.columns, {}
  for key, column in pairs { l = columns.location, p = columns.provider } do
    list[#list + 1] = ('(m."%s" IS NULL OR %s = ANY (m."%s"))'):format(key, column_of(column), key)
  end
  table.sort(list)
  return list
end

-- The same of membership number j of the facts, counted from 0.
local function limits_of(whole, fact, j)
  local columns, list = whole.columns, {}
  for key, column in pairs { l = columns.location, p = columns.provider } do
    local limit = ("(%s -> %d -> '%s')"):format(fact, j, key)
    list[#list + 1] = ("(%s IS NULL OR %s ? %s)"):format(limit, limit, column_of(column))
  end
  table.sort(list)
  return list
end

-- kind -> f(atom, rule) -> { fact = f(req), on_row, is_many, sql = f(fact as jsonb, fact as text), lead = f(the same,
-- width) -> what leads a list: branches, each { source, conditions } }
local ATOMS <const> = {
  shown = function(_, whole)
    local column = column_of(whole.columns.shown)
    local function sql(_, text) return ("(%s AND %s::boolean)"):format(column, text) end
    return {
      fact = function() return true end, sql = sql, on_row = true,
      lead = function(...) return { { conditions = { sql(...) } } } end,
    }
  end,
  owner = function(_, whole)
    local column = column_of(whole.columns.owner)
    local function sql(_, text) return ("%s = %s"):format(column, text) end
    return {
      fact = function(req) return req.user_id end, sql = sql, on_row = true,
      lead = function(...) return { { conditions = { sql(...) } } } end,
    }
  end,
  provider_self = function(_, whole)
    local column = column_of(whole.columns.provider)
    local function sql(_, text) return ("%s = %s"):format(column, text) end
    return {
      fact = function(req) return req.provider_id end, sql = sql, on_row = true,
      lead = function(...) return { { conditions = { sql(...) } } } end,
    }
  end,
}

local function membership(it, whole)
  local conditions = limits(whole)
  table.insert(conditions, 1, ('%s = m."o"'):format(column_of(whole.columns.organization)))
  local column = column_of(whole.columns.organization)
  return {
    fact = memberships(it, whole), on_row = true, is_many = true,
    sql = function(fact)
      return ("EXISTS (SELECT FROM %s WHERE %s)"):format(MEMBERSHIPS:format(fact), table.concat(conditions, " AND "))
    end,
    lead = function(fact, _, width)
      local branches = {}
      for j = 0, (width or 0) - 1 do
        local list = limits_of(whole, fact, j)
        table.insert(list, 1, ("%s = (%s -> %d ->> 'o')"):format(column, fact, j))
        branches[j + 1] = { conditions = list }
      end
      return width and branches or { { source = MEMBERSHIPS:format(fact), conditions = conditions } }
    end,
  }
end
ATOMS.organization_role, ATOMS.organization_permission = membership, membership

local function atom_of(it, whole)
  if it.kind == "token_holder" then
    return { fact = function() return false end }
  end
  return ATOMS[it.kind] and ATOMS[it.kind](it, whole) or { fact = constant(it, whole) }
end

-- ---- a rule as alternatives: each a list of { atom, negated } of which all must hold ----

local alternatives

local function product(lists)
  local made = { {} }
  for _, list in ipairs(lists) do
    local longer = {}
    for _, left in ipairs(made) do
      for _, right in ipairs(list) do
        longer[#longer + 1] = table.move(right, 1, #right, #left + 1, table.move(left, 1, #left, 1, {}))
      end
    end
    made = longer
  end
  return made
end

local function union(lists)
  local made = {}
  for _, list in ipairs(lists) do
    table.move(list, 1, #list, #made + 1, made)
  end
  return made
end

-- `none` is `any` denied, and by De Morgan's laws what is denied of a list is the other kind of list.
function alternatives(it, whole, negated)
  if it.kind ~= "any" and it.kind ~= "all" and it.kind ~= "none" then
    return { { { atom = atom_of(it, whole), negated = negated } } }
  end
  local denied = negated
  if it.kind == "none" then
    denied = not negated
  end
  local lists = {}
  for i, part in ipairs(it.argument) do
    lists[i] = alternatives(part, whole, denied)
  end
  local is_union = (it.kind ~= "all") ~= denied
  return is_union and union(lists) or product(lists)
end

-- ---- SQL ----

local function literal_sql(literal, parameter, key)
  local fact, text = ("%s -> '%s'"):format(parameter, key), ("%s ->> '%s'"):format(parameter, key)
  local sql = literal.atom.sql and literal.atom.sql(fact, "(" .. text .. ")") or ("(%s)::boolean"):format(text)
  return literal.negated and ("coalesce(NOT (%s), true)"):format(sql) or sql
end

local condition = {}
condition.__index = condition

-- Whether everything holds in this alternative that does not look at the row.
local function is_open(alternative, req)
  for _, literal in ipairs(alternative) do
    if not literal.atom.on_row and literal.atom.fact(req) == literal.negated then
      return false
    end
  end
  return true
end

-- As one expression over t, true or not; parameter: SQL of the facts, a jsonb such as "$1::jsonb".
function condition:expression(parameter)
  local either = {}
  for i, alternative in ipairs(self.alternatives) do
    local all = {}
    for k, literal in ipairs(alternative) do
      all[k] = literal_sql(literal, parameter, i .. "." .. k)
    end
    either[i] = "(" .. table.concat(all, " AND ") .. ")"
  end
  return "(" .. table.concat(either, " OR ") .. ")"
end

-- A program's key is no more than it was given (mb.permit): of other rules nothing holds for it.
local function is_beyond_key(self, req)
  return req.key_permissions ~= nil and not req.key_permissions[self.name]
end

-- What the expression is to be told of the caller, as JSON.
function condition:facts(req)
  if is_beyond_key(self, req) then
    return "{}"
  end
  local facts = {}
  for i, alternative in ipairs(self.alternatives) do
    for k, literal in ipairs(alternative) do
      facts[i .. "." .. k] = literal.atom.fact(req)
    end
  end
  return json.encode(facts)
end

local function join(list, more)
  return table.move(more, 1, #more, #list + 1, table.move(list, 1, #list, 1, {}))
end

-- The branches of one alternative: none when it does not look at the row.
local function branches_of(alternative, i, parameter, width)
  local leading, others
  for k, literal in ipairs(alternative) do
    local atom, key = literal.atom, i .. "." .. k
    if atom.on_row and not literal.negated and not leading then
      leading = atom.lead(("%s -> '%s'"):format(parameter, key), ("(%s ->> '%s')"):format(parameter, key), width)
    elseif atom.on_row then
      others = others or {}
      others[#others + 1] = literal_sql(literal, parameter, key)
    end
  end
  if not leading and others then -- nothing of the row leads: it counts for whom it is open
    leading = { { conditions = { ("(%s ->> '%d')::boolean"):format(parameter, i) } } }
  end
  for _, branch in ipairs(leading or {}) do
    branch.conditions = join(branch.conditions, others or {})
  end
  return leading or {}
end

-- The alternatives that look at the row, for a list: branches, each { source = SQL to be joined laterally or nil,
-- conditions }. width: the most memberships that an alternative is led by, each a branch of its own, which PostgreSQL
-- merges in the order of an index; nil = any number, in one branch. A row that several branches allow comes several
-- times.
function condition:branches(parameter, width)
  local made = {}
  for i, alternative in ipairs(self.alternatives) do
    made = join(made, branches_of(alternative, i, parameter, width))
  end
  return made
end

-- What one alternative, which looks at the row, says of a caller: whether it may hold for any, and how many memberships
-- lead it. Adds its facts.
local function tell(alternative, i, req, facts)
  local on_row, may_hold, width = false, true, 0
  for k, literal in ipairs(alternative) do
    if literal.atom.on_row then
      local fact = literal.atom.fact(req)
      facts[i .. "." .. k] = fact
      may_hold = may_hold and (fact ~= nil or literal.negated)
      width = literal.atom.is_many and not literal.negated and not on_row and fact and #fact or width
      on_row = on_row or not literal.negated
    end
  end
  return may_hold, width
end

local function looks_at_row(alternative)
  for _, literal in ipairs(alternative) do
    if literal.atom.on_row then
      return true
    end
  end
  return false
end

-- Which rows a caller may see: "all"; "none", whatever there is; else "some", the facts for the branches, and the width
-- that they need.
function condition:scope(req)
  if is_beyond_key(self, req) then
    return "none"
  end
  local facts, is_some, widest = {}, false, 0
  for i, alternative in ipairs(self.alternatives) do
    if is_open(alternative, req) then
      if not looks_at_row(alternative) then
        return "all"
      end
      local may_hold, width = tell(alternative, i, req, facts)
      facts[tostring(i)] = true
      is_some, widest = is_some or may_hold, math.max(widest, width)
    end
  end
  if is_some then
    return "some", json.encode(facts), widest
  end
  return "none"
end

-- rule: of mb.rule.
local function of(rule)
  return setmetatable({ name = rule.name, alternatives = alternatives(rule.node, rule, false) }, condition)
end

return { of = of }
