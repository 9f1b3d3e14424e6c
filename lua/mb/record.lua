-- The statements of a resource (mb.resource), each one round trip, made when scripts load. They look at the table's
-- row as t, and write beside each change who made it, what others are told, and the answer that a repetition will
-- get (migrations/R__records.sql). Tables have "id", "version", "createdAt" and "updatedAt", the last three kept by
-- their defaults and a trigger.
local db = require "mb.db"
local faults = require "mb.faults"
local json = require "mb.json"
local query = require "mb.query"

-- ---- parameters ----

-- Of one statement: name -> its place, in the order in which they are first used.
local function parameters()
  local places, names = {}, {}
  local function place(name, type)
    if not places[name] then
      names[#names + 1] = name
      places[name] = #names
    end
    return ("$%d::%s"):format(places[name], type or "text")
  end
  return place, names
end

local function statement(make, name, sql, names)
  return { statement = make(name, sql), names = names }
end

-- The values of a statement in order, by name.
local function values(it, given)
  local list = {}
  for i, name in ipairs(it.names) do
    list[i] = given[name]
  end
  return it.statement, table.unpack(list, 1, #it.names)
end

-- ---- columns ----

local function quoted(name) return ('"%s"'):format(name) end

-- A field's value of the row t. is_json: within row_to_json, which would make a number of a decimal and has a form of
-- its own for instants.
local function value_of(it, is_json)
  local sql = it.sql or 't.' .. quoted(it.name)
  if it.kind == "list" then
    return sql .. "::text[]"
  elseif is_json and it.kind == "decimal" then
    return sql .. "::text"
  elseif is_json and it.kind == "instant" then
    return ("mb_instant(%s)"):format(sql)
  end
  return sql
end

local function shown_parameter(i) return "shown" .. i end

-- Whether field number i is shown, of one that is hidden from some.
local function is_shown(it, i, place) return it.shown_to:expression(place(shown_parameter(i), "jsonb")) end

-- What answers show of the row t.
local function columns_of(self, place, is_json)
  local list = {}
  for i, it in ipairs(self.fields) do
    local sql = value_of(it, is_json)
    if it.shown_to then
      sql = ("CASE WHEN %s THEN %s END"):format(is_shown(it, i, place), sql)
    end
    list[i] = ("%s AS %s"):format(sql, quoted(it.name))
  end
  return table.concat(list, ", ")
end

-- Beside them, what rules look at and answers do not show.
local function hidden_of(self)
  local list = {}
  for _, column in pairs(self.hidden) do
    list[#list + 1] = (', t.%s AS %s'):format(quoted(column:sub(2)), quoted(column))
  end
  table.sort(list)
  return table.concat(list)
end

-- The facts that hidden fields want, beside what a statement is given.
local function facts(self, req, given)
  for i, it in ipairs(self.fields) do
    if it.shown_to then
      given[shown_parameter(i)] = it.shown_to:facts(req)
    end
  end
  return given
end

-- The fields that a body of this kind ("create" or "change") may hold, as columns of jsonb_to_record.
local function written(self, kind)
  local list, types = {}, {}
  for _, it in ipairs(self.fields) do
    if it[kind] then
      list[#list + 1] = it
      types[#types + 1] = quoted(it.name) .. " " .. it.type
    end
  end
  return list, table.concat(types, ", ")
end

-- ---- statements ----

-- The id of the row whose id or else whose slug a parameter is; where slugs are unique within another table's row,
-- with that one's before it and a point between.
local function sql_of_named(self, parameter)
  local name, within, source = self.table, self.slug.within, ""
  local slug = parameter
  if within then
    source = (' JOIN %s o ON o."id" = s.%s AND o."slug" = split_part(%s, \'.\', 1)'):format(
      quoted(self.by_name[within].of), quoted(within), parameter)
    slug = ("substr(%s, length(split_part(%s, '.', 1)) + 2)"):format(parameter, parameter)
  end
  return ([[coalesce((SELECT s."id" FROM %s s WHERE s."id" = %s),
                         (SELECT s."id" FROM %s s%s WHERE s.%s = %s))]]):format(quoted(name), parameter, quoted(name),
    source, quoted(self.slug.name), slug)
end

local function make_get(self)
  local place, names = parameters()
  local id = place "id"
  return statement(query.read, self.name .. ".get", ([[
SELECT %s%s
  FROM %s t
 WHERE t."id" = %s]]):format(columns_of(self, place), hidden_of(self), quoted(self.table),
    self.slug and sql_of_named(self, id) or id), names)
end

-- $request: of mb.caller. outcome: created, replayed or idempotency_mismatch; body: JSON text, byte for byte the same
-- when it is replayed.
local function make_create(self)
  local place, names = parameters()
  local request, given = place("request", "jsonb"), place("given", "jsonb")
  local fields, types = written(self, "create")
  local targets, sources = { '"id"' }, { place "id" }
  for _, it in ipairs(fields) do
    targets[#targets + 1] = quoted(it.name)
    local source = "g." .. quoted(it.name)
    sources[#sources + 1] = it.kind == "list" and ("coalesce(%s, '{}')"):format(source) or source
  end
  for name, sql in pairs(self.sets or {}) do
    targets[#targets + 1] = quoted(name)
    sources[#sources + 1] = sql:gsub("%$request", request)
  end
  return statement(query.write, self.name .. ".create", ([[
WITH past AS MATERIALIZED (
    SELECT * FROM mb_answer(%s ->> 'userId', %s ->> 'route', %s ->> 'key', %s ->> 'hash')
), made AS (
    INSERT INTO %s AS t (%s)
    SELECT %s
      FROM jsonb_to_record(%s) AS g(%s)
     WHERE NOT EXISTS (SELECT FROM past)
    RETURNING t.*
), shown AS (
    SELECT t."id", t."version", (SELECT row_to_json(x)::text FROM (SELECT %s) x) AS "body" FROM made t
)
SELECT 'created' AS "outcome", s."id", s."version", s."body",
       mb_conclude_record(%s, '%s', s."id", '%s.created', jsonb_build_object('version', s."version"),
                          s."body") AS "_done"
  FROM shown s
 UNION ALL
SELECT p."outcome", p."resourceId", (p."body"::json ->> 'version')::integer, p."body", NULL::text
  FROM past p]]):format(request, request, request, request, quoted(self.table), table.concat(targets, ", "),
    table.concat(sources, ", "), given, types, columns_of(self, place, true), request, self.table, self.tells), names)
end

-- A change as one jsonb: what it does not hold stays, what is null is removed. No row: the version is another one.
local function make_change(self)
  local place, names = parameters()
  local id, given, version = place "id", place("given", "jsonb"), place("version", "integer")
  local fields, types = written(self, "change")
  local sets = {}
  for i, it in ipairs(fields) do
    sets[i] = ("%s = CASE WHEN %s ? '%s' THEN g.%s ELSE t.%s END"):format(quoted(it.name), given, it.name,
      quoted(it.name), quoted(it.name))
  end
  return statement(query.write, self.name .. ".change", ([[
WITH changed AS (
    UPDATE %s AS t
       SET %s
      FROM jsonb_to_record(%s) AS g(%s)
     WHERE t."id" = %s AND t."version" = %s
    RETURNING t.*
)
SELECT %s,
       mb_conclude_record(%s, '%s', t."id", '%s.changed',
                          jsonb_build_object('version', t."version", 'fields',
                                             (SELECT jsonb_agg(k ORDER BY k) FROM jsonb_object_keys(%s) k)),
                          NULL) AS "_done"
  FROM changed t]]):format(quoted(self.table), table.concat(sets, ",\n           "), given, types, id, version,
    columns_of(self, place), place("request", "jsonb"), self.table, self.tells, given), names)
end

local function make_delete(self)
  local place, names = parameters()
  local id, version, request = place "id", place("version", "integer"), place("request", "jsonb")
  return statement(query.write, self.name .. ".delete", ([[
WITH gone AS (
    DELETE FROM %s AS t WHERE t."id" = %s AND t."version" = %s RETURNING t."id", t."version"
)
SELECT mb_conclude_record(%s, '%s', g."id", '%s.deleted', jsonb_build_object('version', g."version"), NULL) AS "_done"
  FROM gone g]]):format(quoted(self.table), id, version, request, self.table, self.tells), names)
end

-- A step of a workflow: `it` of mb.workflow, sets: column -> SQL, of $request and $given. outcome: moved, replayed,
-- idempotency_mismatch, version_mismatch or transition_not_allowed; status: what it is now. Who waits for another one's
-- step sees what that made of the row.
local function make_move(self, it, number, sets)
  local place, names = parameters()
  local request, version = place("request", "jsonb"), place("version", "integer")
  local given = place("given", "jsonb")
  local list = { ('"status" = \'%s\'::"%s"'):format(it.to, self.machine.enum) }
  for _, name in ipairs(faults.names_of(sets)) do
    local sql = sets[name]:gsub("%$(%a+)", { request = request, given = given })
    list[#list + 1] = ("%s = %s"):format(quoted(name), sql)
  end
  local function conclude(event)
    return ([[mb_conclude_move(%s, '%s', m."id", '%s', %s, m."_from", m."status"::text, %s ->> 'reason',
                        m."version", m."body")]]):format(request, self.table, it.action, event, given)
  end
  local event = it.effects.event and ("'%s.%s'"):format(self.machine.tells, it.effects.event) or "NULL"
  return statement(query.write, ("%s.%s %d"):format(self.name, it.action, number), ([[
WITH past AS MATERIALIZED (
    SELECT * FROM mb_answer(%s ->> 'userId', %s ->> 'route', %s ->> 'key', %s ->> 'hash')
), old AS MATERIALIZED (
    SELECT t."id", t."status"::text AS "status", t."version" FROM %s t WHERE t."id" = %s FOR NO KEY UPDATE
), moved AS (
    UPDATE %s AS t
       SET %s
      FROM old o
     WHERE t."id" = o."id" AND o."status" IN ('%s') AND coalesce(%s = o."version", true)
       AND NOT EXISTS (SELECT FROM past)
    RETURNING t.*, o."status" AS "_from"
), shown AS (
    SELECT t.*, (SELECT row_to_json(x)::text FROM (SELECT %s) x) AS "body" FROM moved t
)
SELECT 'moved' AS "outcome", m."status"::text AS "status", m."version", m."body", %s AS "_done"
  FROM shown m
 UNION ALL
SELECT p."outcome", o."status", (p."body"::json ->> 'version')::integer, p."body", NULL::text FROM past p, old o
 UNION ALL
SELECT CASE WHEN coalesce(%s = o."version", true) THEN 'transition_not_allowed' ELSE 'version_mismatch' END,
       o."status", o."version", NULL::text, NULL::text
  FROM old o
 WHERE NOT EXISTS (SELECT FROM past) AND NOT EXISTS (SELECT FROM moved)]]):format(request, request, request, request,
    quoted(self.table), place "id", quoted(self.table), table.concat(list, ", "), table.concat(it.from, "', '"),
    version, columns_of(self, place, true), conclude(event), version), names)
end

-- ---- lists ----

local FILTERS <const> = {
  ["="] = function(column, place, it)
    local parameter = place("filter_" .. it.name)
    return ("(%s IS NULL OR %s = %s::%s)"):format(parameter, column, parameter, it.type)
  end,
  -- % and _ are escaped by escape_part.
  contains = function(column, place, it)
    local parameter = place("filter_" .. it.name)
    return ("(%s IS NULL OR %s ILIKE '%%' || %s || '%%')"):format(parameter, column, parameter)
  end,
  -- A list has this among its items.
  has = function(column, place, it)
    local parameter = place("filter_" .. it.name)
    return ("(%s IS NULL OR %s @> ARRAY[%s])"):format(parameter, column, parameter)
  end,
}

-- The conditions of a list's filters; one of a field that is hidden from some finds nothing that is hidden.
local function filters_of(self, place)
  local list = {}
  for i, it in ipairs(self.fields) do
    local how = self.filters[it.name]
    if how then
      local sql = FILTERS[how]("t." .. quoted(it.name), place, it)
      list[#list + 1] = it.shown_to and ("%s AND (%s IS NULL OR %s)"):format(sql, place("filter_" .. it.name),
        is_shown(it, i, place)) or sql
    end
  end
  return list
end

local function escape_part(text) return (text:gsub("[%%_\\]", "\\%0")) end

-- The kind of a cursor's value, the type of its column and the SQL of its text, by kind of field.
local SORTS <const> = {
  line = { "text", "text" }, id = { "text", "text" }, email = { "text", "text" }, integer = { "integer", "integer" },
  decimal = { "decimal", "numeric" }, instant = { "instant", "timestamptz", "mb_instant(%s)" },
}

-- "name", "-name" or a name of such an order -> { key, field, is_down, column, kind, type }
local function read_sort(self, key)
  local order = self.named[key] or key
  local name = order:gsub("^%-", "")
  local it = self.by_name[name]
  local known = SORTS[it.kind]
  local column = "t." .. quoted(name)
  return {
    key = key, is_down = order:sub(1, 1) == "-", column = column, is_nullable = it.nullable,
    kind = known[1] .. (it.nullable and "?" or ""), type = known[2], text = (known[3] or "%s::text"):format(column),
  }
end

-- The pages of rows in one order: pieces, each { condition of the place in the list, order }; with nulls there are two,
-- those that have a value before those that have none.
local function pieces_of(sort, position, place)
  local direction, beyond = sort.is_down and "DESC" or "ASC", sort.is_down and "<" or ">"
  local with_value = { has_value = true, order = ('%s %s, t."id" %s'):format(sort.column, direction, direction) }
  local without = { order = ('t."id" %s'):format(direction), condition = sort.column .. " IS NULL" }
  if position == "after" then
    with_value.condition = ('(%s, t."id") %s (%s::%s, %s)'):format(sort.column, beyond, place "after", sort.type,
      place "after_id")
  elseif position == "after_null" then
    without.condition = ('%s AND t."id" %s %s'):format(without.condition, beyond, place "after_id")
    return { without }
  end
  if not sort.is_nullable then
    return { with_value }
  end
  with_value.condition = (with_value.condition and with_value.condition .. " AND " or "")
    .. sort.column .. " IS NOT NULL"
  return { with_value, without }
end

-- One branch (mb.condition) of a page, cut to its length so that an index in its order is the cheapest way.
local function branch_sql(self, branch, piece, filters, limit)
  local conditions = table.move(branch.conditions, 1, #branch.conditions, 1, {})
  conditions[#conditions + 1] = piece.condition
  table.move(filters, 1, #filters, #conditions + 1, conditions)
  local rows = ("(SELECT t.* FROM %s t%s ORDER BY %s LIMIT %s)"):format(quoted(self.table),
    #conditions > 0 and " WHERE " .. table.concat(conditions, " AND ") or "", piece.order, limit)
  return branch.source and ("SELECT t.* FROM %s CROSS JOIN LATERAL %s t"):format(branch.source, rows) or rows
end

-- The rows of one piece of a page in its order, from several branches or one.
local function piece_sql(self, branches, piece, filters, limit, distinct)
  local parts = {}
  for i, branch in ipairs(branches) do
    parts[i] = branch_sql(self, branch, piece, filters, limit)
  end
  return ([[(SELECT %st.*
           FROM (%s) t
          ORDER BY %s
          LIMIT %s)]]):format(distinct, table.concat(parts, "\n                 UNION ALL "), piece.order, limit)
end

-- Scopes: all rows; some by one membership or three at most in each alternative of the rule; or by any number.
local WIDTHS <const> = { ["some 1"] = 1, ["some 3"] = 3 }
local SCOPES <const> = { "all", "some 1", "some 3", "some" }

-- position: first, after a row that has a value, after one that has none.
local function make_page(self, sort, position, scope)
  local place, names = parameters()
  local limit = place("limit", "integer")
  local branches = scope ~= "all" and self.view:branches(place("scope", "jsonb"), WIDTHS[scope])
    or { { conditions = {} } }
  local filters, parts = filters_of(self, place), {}
  for i, piece in ipairs(pieces_of(sort, position, place)) do
    local key = piece.has_value and sort.column .. ', t."id"' or 't."id"'
    local distinct = #branches > 1 and ("DISTINCT ON (%s) "):format(key) or ""
    parts[i] = piece_sql(self, branches, piece, filters, limit, distinct)
  end
  local direction = sort.is_down and "DESC" or "ASC"
  local order = ('%s %s NULLS LAST, t."id" %s'):format(sort.column, direction, direction)
  local name = ("%s.list %s %s %s"):format(self.name, sort.key, position, scope)
  return statement(query.read, name, ([[
SELECT %s, %s AS "_after"
  FROM (%s) t
 ORDER BY %s
 LIMIT %s]]):format(columns_of(self, place), sort.text, table.concat(parts, "\n        UNION ALL "), order, limit),
    names)
end

local function make_pages(self, key)
  local sort = read_sort(self, key)
  for _, scope in ipairs(SCOPES) do
    local is_needed = scope == "all" or #self.view:branches("", WIDTHS[scope]) > 0
    for _, position in ipairs { "first", "after", "after_null" } do
      if is_needed and (position ~= "after_null" or sort.is_nullable) then
        sort[position .. " " .. scope] = make_page(self, sort, position, scope)
      end
    end
  end
  return sort
end

-- ---- asking ----

local record = {}
record.__index = record

-- The row, with what rules look at; nil when there is none. id: also its slug, where rows have one.
function record:get(req, id)
  local get = self.statements.get
  if #get.names == 1 then -- nothing is hidden from anybody
    return db.query(get.statement, id)[1]
  end
  return db.query(values(get, facts(self, req, { id = id })))[1]
end

-- given: the values of a body. Its row: outcome, id, version, body.
function record:create(req, id, given, request)
  return db.query(values(self.statements.create, facts(self, req, {
    id = id, given = json.encode(given), request = json.encode(request),
  })))[1]
end

-- given: a merge patch. The row as it is then, nil when it is not of this version.
function record:change(req, id, version, given, request)
  return db.query(values(self.statements.change, facts(self, req, {
    id = id, version = version, given = json.encode(given), request = json.encode(request),
  })))[1]
end

-- Whether it was there, at this version.
function record:delete(id, version, request)
  return #db.query(values(self.statements.delete, { id = id, version = version, request = json.encode(request) })) > 0
end

-- Takes a row along `it`, a transition of its workflow. given: the values of the body. Its row: outcome, status,
-- version, body.
function record:move(req, it, id, version, given, request)
  return db.query(values(self.moves[it], facts(self, req, {
    id = id, version = version, given = json.encode(given), request = json.encode(request),
  })))[1]
end

-- A page of the rows that the caller may see: rows, and where the next one begins: the text of the last row's sort key
-- (nil = null) and its id; nil when this is the last. after and after_id: of the page before.
function record:page(req, sort_key, limit, filters, after, after_id)
  local scope, scope_facts, width = self.view:scope(req)
  if scope == "none" then
    return json.array()
  elseif scope == "some" and width <= 3 then
    scope = width <= 1 and "some 1" or "some 3"
  end
  local sort = self.sorts[sort_key]
  local position = after_id == nil and "first" or after == nil and "after_null" or "after"
  local given = facts(self, req, { limit = limit + 1, scope = scope_facts, after = after, after_id = after_id })
  for _, name in ipairs(self.filter_names) do
    local value = filters[name]
    given["filter_" .. name] = value ~= nil and self.filters[name] == "contains" and escape_part(value) or value
  end
  local rows = db.query(values(sort[position .. " " .. scope], given))
  if not rows:keep(limit) then
    return rows
  end
  local last = rows[#rows]
  return rows, last._after, last.id
end

-- spec: name, table, tells (the beginning of its events), fields (a list, each with its name; shown_to a condition or
-- nil), view (condition), hidden (columns that rules look at and answers do not show, as "_userId"), sort, named and
-- filter as mb.resource has them, slug (the field that is one, or nil), may (which of create, change, delete there
-- are), sets; machine (mb.workflow, or nil) and moves: action -> { sets }.
local function new(spec)
  local self = setmetatable({
    name = spec.name, table = spec.table, tells = spec.tells, fields = spec.fields, view = spec.view,
    hidden = spec.hidden, slug = spec.slug, filters = spec.filter, filter_names = {}, by_name = {}, sorts = {},
    sets = spec.sets, machine = spec.machine, moves = {}, named = spec.named or {},
  }, record)
  for _, it in ipairs(spec.fields) do
    self.by_name[it.name] = it
    if spec.filter[it.name] then
      self.filter_names[#self.filter_names + 1] = it.name
    end
  end
  self.statements = {
    get = make_get(self), create = spec.may.create and make_create(self),
    change = spec.may.change and make_change(self), delete = spec.may.delete and make_delete(self),
  }
  for _, key in ipairs(spec.sort) do
    self.sorts[key] = make_pages(self, key)
  end
  for i, it in ipairs(spec.machine and spec.machine.transitions or {}) do
    local move = spec.moves[it.action]
    self.moves[it] = move and make_move(self, it, i, move.sets or {})
  end
  return self
end

return { new = new, SORTS = SORTS, FILTERS = FILTERS }
