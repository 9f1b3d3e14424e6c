-- Resources as data: entities that are created, read, listed, changed and removed. resources/<name>.lua is a page:
--
--   return require("mb.resource").new {
--     name = "services", table = "Service",          -- /v1/services
--     fields = { name = field.line { create = true, change = true, required = true, max = 200 }, … },   -- mb.field
--     list = { sort = { "name", "-createdAt" }, filter = { providerTypeId = "=", name = "contains" } },
--     may = { view = rules.view, create = rules.manage, change = rules.manage, delete = rules.manage },
--     refuse = { ProviderType_name_key = "name_taken" },          -- unique constraint -> code of a 409
--     in_use = { Service_providerTypeId_fkey = "services" },      -- foreign key -> 409 in_use with who holds the row
--     check = function(values, fail) … end,                        -- across fields, of what would be stored
--     workflow = require "workflows.states.…",                     -- of the column "status" (mb.workflow)
--     moves = { approve = { summary = "…", body = schema, sets = { approvedAt = "mb_now()" } }, … },
--   }
--
-- The table has "id", "version", "createdAt" and "updatedAt", and a trigger that counts versions (mb_count_version).
-- A field of the kind slug lets routes take it in the place of an id; an id wins.
-- What `may` does not name there is no route for; `view` and a list there always are. Lists are in the first order of
-- `sort` unless asked otherwise; each order and each filter wants an index. `named` of a list gives orders names of
-- their own, as { waiting = "statusSince" }; its `check` looks at the whole query. Events are <tells>.created, .changed
-- and .deleted; `tells` is the name of the table as service or provider_type. `one` is what people call one of them,
-- where that is not the table's name in words; `title` its name in the document, where that is not the table's. `sets`
-- gives columns of a new row that no body holds, as SQL in which $request is what mb.caller tells of whoever asks.
-- Each of `moves` is a step of the workflow and POST /v1/services/{id}/<action>; what `sets` gives it writes too, as
-- SQL in which $request is what mb.caller tells and $given the body; a `reason` in it goes to the audit log.
-- What comes of it are ordinary routes: other routes of the same resource are written by hand beside it.
local caller = require "mb.caller"
local condition = require "mb.condition"
local conditional = require "mb.conditional"
local cursor = require "mb.cursor"
local faults = require "mb.faults"
local field = require "mb.field"
local id = require "mb.id"
local idempotency = require "mb.idempotency"
local json = require "mb.json"
local problem = require "mb.problem"
local record = require "mb.record"
local transition = require "mb.transition"
local with = require "mb.with"

local KEYS <const> = {
  name = "string", table = "string", fields = "table", list = "table", may = "table", refuse = "table",
  in_use = "table", check = "function", tells = "string", one = "string", title = "string", sets = "table",
  workflow = "table", moves = "table",
}
local REQUIRED <const> = { "name", "table", "fields", "list", "may" }
local ACTIONS <const> = { view = true, create = true, change = true, delete = true }
local OWN_FIELDS <const> = { id = true, version = true, createdAt = true, updatedAt = true }

-- "ProviderType" -> "provider type"
local function words_of(name)
  return (name:gsub("%u", function(letter) return " " .. letter:lower() end):gsub("^ ", ""))
end

-- ---- checking ----

local function check_keys(spec, note)
  for _, key in ipairs(faults.names_of(spec)) do
    if not KEYS[key] then
      note(("unknown key '%s' of a resource"):format(key), faults.nearest(key, faults.names_of(KEYS)))
    elseif type(spec[key]) ~= KEYS[key] then
      note(("`%s` of a resource is a %s, not a %s"):format(key, KEYS[key], type(spec[key])))
    end
  end
  for _, key in ipairs(REQUIRED) do
    if spec[key] == nil then
      note(("a resource needs `%s`"):format(key))
    end
  end
end

local function check_may(may, note)
  for _, action in ipairs(faults.names_of(may)) do
    if not ACTIONS[action] then
      note(("may names '%s'"):format(action), faults.nearest(action, faults.names_of(ACTIONS)))
    elseif type(may[action]) ~= "table" or not rawget(may[action], "node") then
      note(("may.%s is no permission rule"):format(action), "write rules.<action>, of a file of permissions/")
    end
  end
  if not may.view then
    note("may says nothing about `view`", "who may see a row decides what lists show")
  end
end

-- The field that is the slug of rows, if there is one.
local function find_slug(fields, by_name, note)
  local slug
  for _, it in ipairs(fields) do
    local within = it.within and by_name[it.within]
    if it.kind == "slug" and slug then
      note(("fields %s and %s are slugs"):format(slug.name, it.name), "a row is known by one")
    elseif it.kind == "slug" then
      slug = it
    end
    if it.within and not (within and within.of) then
      note(("field %s is within '%s', which names no row of another table"):format(it.name, it.within),
        faults.nearest(it.within, faults.names_of(by_name)))
    end
  end
  return slug
end

-- The fields as a list in the order in which they were written, each with its name.
local function read_fields(spec, note)
  local list = {}
  for _, name in ipairs(faults.names_of(spec.fields)) do
    local it = spec.fields[name]
    if type(it) ~= "table" or not it.order then
      note(("field %s is no field"):format(name), "write field.line { … }, of mb.field")
    elseif OWN_FIELDS[name] then
      note(("field %s is one of every resource"):format(name), "leave it out")
    else
      it.name = name
      list[#list + 1] = it
    end
  end
  table.sort(list, function(a, b) return a.order < b.order end)
  return list
end

local LIST_KEYS <const> = { sort = "table", named = "table", filter = "table", check = "function" }

local function check_list(list, by_name, note)
  for _, key in ipairs(faults.names_of(list)) do
    if type(list[key]) ~= LIST_KEYS[key] then
      note(("list: `%s` is %s"):format(key, LIST_KEYS[key] and "a " .. LIST_KEYS[key] or "unknown"),
        faults.nearest(key, faults.names_of(LIST_KEYS)))
    end
  end
  if type(list.sort) ~= "table" or #list.sort == 0 then
    return note("list.sort names no order", 'write sort = { "name", "-createdAt" }')
  end
  for _, key in ipairs(list.sort) do
    local it = by_name[tostring(list.named and list.named[key] or key):gsub("^%-", "")]
    if not it or it.sql then
      note(("list.sort names '%s', which is no field of the table"):format(tostring(key)),
        faults.nearest(key, faults.names_of(by_name)))
    elseif not record.SORTS[it.kind] then
      note(("list.sort names '%s', whose kind has no order"):format(key))
    end
  end
  for name, how in pairs(list.filter or {}) do
    local it = by_name[name]
    if not it or it.sql then
      note(("list.filter names '%s', which is no field of the table"):format(tostring(name)),
        faults.nearest(name, faults.names_of(by_name)))
    elseif not record.FILTERS[how] then
      note(("list.filter.%s is '%s'"):format(name, tostring(how)),
        faults.nearest(how, faults.names_of(record.FILTERS)))
    end
  end
end

local MOVE_KEYS <const> = { summary = "string", body = "table", sets = "table" }

local function check_moves(spec, by_name, note)
  local machine = spec.workflow
  if not machine or not by_name.status then
    return note("moves are steps of a workflow", "name `workflow` and a field `status`")
  end
  for _, action in ipairs(faults.names_of(spec.moves)) do
    local list, move = machine.by_action[action], spec.moves[action]
    if not list then
      note(("moves names '%s', which is no step of the workflow"):format(action),
        faults.nearest(action, faults.names_of(machine.by_action)))
    end
    for _, key in ipairs(faults.names_of(move)) do
      if type(move[key]) ~= MOVE_KEYS[key] then
        note(("moves.%s: `%s` is %s"):format(action, key, MOVE_KEYS[key] and "a " .. MOVE_KEYS[key] or "unknown"))
      end
    end
    if type(move.summary) ~= "string" then
      note(("moves.%s needs a summary"):format(action))
    end
    for _, it in ipairs(list or {}) do
      if it.opens or it.closes then
        note(("moves.%s: the step at %s has a time"):format(action, it.at), "it wants a route of its own")
      elseif not it.to then
        note(("moves.%s: the step at %s leads to one of several"):format(action, it.at), "it wants a route of its own")
      end
    end
  end
end

-- ---- schemas ----

-- Notes with fail what fields say of their values beside their schemas.
local function judge_values(self, values, fail)
  for _, it in ipairs(self.fields) do
    local value = values[it.name]
    local why = it.wrong and value ~= nil and value ~= json.null and it.wrong(value)
    if why then
      fail("/" .. it.name, why)
    end
  end
end

local function create_schema(self)
  local properties, required = {}, {}
  for _, it in ipairs(self.fields) do
    if it.create then
      properties[it.name] = with(it.input, { default = it.default })
      required[#required + 1] = it.required and it.name or nil
    end
  end
  return {
    type = "object", title = "New" .. self.title, properties = properties, required = #required > 0 and required or nil,
    check = function(values, fail)
      judge_values(self, values, fail)
      if self.check then
        self.check(values, fail)
      end
    end,
  }
end

local function change_schema(self)
  local properties = {}
  for _, it in ipairs(self.fields) do
    if it.change then
      properties[it.name] = with(it.input, { nullable = it.nullable })
    end
  end
  return {
    type = "object", title = self.title .. "Change", properties = properties, merge = true,
    check = function(values, fail) judge_values(self, values, fail) end,
  }
end

local function answer_schema(self)
  local properties, required = {}, {}
  for i, it in ipairs(self.fields) do
    properties[it.name], required[i] = it.output, it.name
  end
  return { type = "object", title = self.title, required = required, properties = properties }
end

local function page_schema(answer)
  return {
    type = "object", required = { "data", "nextCursor" },
    properties = {
      data = { type = "array", items = answer },
      nextCursor = {
        type = "string", nullable = true, description = "pass it as `cursor` for the next page; null at the end",
      },
    },
  }
end

local function query_schema(self)
  local made = {
    check = self.check_query,
    limit = { type = "integer", minimum = 1, maximum = 100, default = 50 },
    cursor = { type = "string", maxLength = 1024 },
    sort = { type = "string", enum = self.sort, default = self.sort[1], description = "- before a name: falling" },
  }
  for name, how in pairs(self.filter) do
    local it = self.by_name[name]
    made[name] = how == "has" and { type = "string", maxLength = it.input.items.maxLength } or how == "contains"
      and { type = "string", minLength = 3, maxLength = 100, description = "a part of it, in any case" }
      or { type = it.input.type, enum = it.input.enum, maxLength = it.input.maxLength }
  end
  return made
end

-- ---- what constraints say ----

-- A row that a new or changed one names by an id is not there: where in the body it is named.
local function reference_of(self, constraint)
  for _, it in ipairs(self.fields) do
    if it.of and constraint == ("%s_%s_fkey"):format(self.table, it.name) then
      return it
    end
  end
end

-- Answers a constraint that the statement broke.
local function refuse(self, found)
  local constraint = problem.is(found) and found.constraint
  local code = constraint and self.refuse[constraint]
  if code then
    local name = constraint:match("^" .. self.table .. "_.-(%w+)_key$")
    error(problem(409, code, ("another %s has this %s already"):format(self.one, name or "value"),
      name and { errors = json.array { { pointer = "/" .. name, detail = "is taken" } } } or nil))
  end
  local holder = constraint and self.in_use[constraint]
  if holder then
    error(problem(409, "in_use", ("this %s is in use: %s refer to it"):format(self.one, holder),
      { members = { holders = json.array { holder } } }))
  end
  for _, it in ipairs(constraint and self.fields or {}) do
    if it.refused and constraint == ("%s_%s_check"):format(self.table, it.name) then
      error(problem(422, "validation_failed", ("%s %s"):format(it.name, it.refused),
        { errors = json.array { { pointer = "/" .. it.name, detail = it.refused } } }))
    end
  end
  local reference = constraint and reference_of(self, constraint)
  if reference then
    error(problem(422, "validation_failed", ("%s names nothing that exists"):format(reference.name),
      { errors = json.array { { pointer = "/" .. reference.name, detail = "names nothing that exists" } } }))
  end
  error(found, 0)
end

-- A statement that lost its race for an Idempotency-Key tells the client to repeat. One that broke a constraint may
-- have done so against its own twin, whose answer it finds at the second try. request: of mb.caller.
local function run(self, statement, request, ...)
  local ok, found = pcall(self.record[statement], self.record, ...)
  if not ok and request.key and problem.is(found) and found.constraint then
    ok, found = pcall(self.record[statement], self.record, ...)
  end
  if ok then
    return found
  elseif (statement == "create" or statement == "move") and problem.is(found) and found.code == "database_conflict" then
    error(problem(409, "request_in_progress", "the same or a competing request is in work: repeat it",
      { retry_after = 1 }))
  end
  refuse(self, found)
end

-- ---- routes ----

local function a(word) return (word:find "^[aeiou]" and "an " or "a ") .. word end

-- `errors` of a route whose statement may break a unique constraint.
local function conflicts(codes)
  local set = {}
  for _, code in pairs(codes) do
    set[code] = true
  end
  return next(set) and { [409] = faults.names_of(set) } or nil
end

local function list_route(self)
  local sorts = self.record.sorts
  return {
    method = "GET", path = self.path, permission = self.may.view.name, lists = true, auth = self.has_hidden or nil,
    summary = self.many:gsub("^%l", string.upper), query = query_schema(self),
    responses = { [200] = page_schema(self.answer) },
    handler = function(req)
      local q = req.query
      local key, after, after_id = cursor.decode(q.cursor, "text", sorts[q.sort].kind, "text")
      if key and key ~= q.sort then
        error(problem(400, "invalid_cursor", "this cursor is of another order: begin again without it"))
      end
      local rows, last, last_id = self.record:page(req, q.sort, q.limit, q, after, after_id)
      return { data = rows, nextCursor = last_id and cursor.encode(q.sort, last, last_id) or json.null }
    end,
  }
end

local function get_route(self, subject)
  return {
    method = "GET", path = self.path .. "/{id}", permission = self.may.view.name, subject = subject,
    auth = self.has_hidden or nil, summary = ("One %s"):format(self.one), sends = { conditional.ETAG },
    description = self.slug and "By its id or its slug" .. (self.slug.within
      and (", behind that of its %s and a point"):format(words_of(self.by_name[self.slug.within].of)) or ""),
    responses = { [200] = self.answer },
    handler = function(_, row) return 200, row, { ETag = conditional.etag(row.version) } end,
  }
end

-- The row that a new one would be, for the rule to judge.
local function as_row(self, given)
  local row = {}
  for _, it in ipairs(self.fields) do
    row[it.name] = given[it.name]
  end
  for _, column in pairs(self.hidden) do
    row[column] = given[column:sub(2)]
  end
  return row
end

local OUTCOMES <const> = { created = true, replayed = true }

local function create_route(self)
  return {
    method = "POST", path = self.path, permission = self.may.create.name, summary = ("Create %s"):format(a(self.one)),
    body = create_schema(self), headers = { idempotency.HEADER },
    sends = {
      conditional.ETAG, { name = "Location", description = ("path of the new %s"):format(self.one),
                          example = self.path .. "/cm3b0q8zk0000v9l4h2d7x1ab" },
    },
    subject = function(req) return as_row(self, req.body) end,
    responses = { [201] = self.answer }, errors = conflicts(self.refuse),
    handler = function(req)
      local request = caller.of(req, 201)
      local made = run(self, "create", request, req, id.cuid(), req.body, request)
      if not OUTCOMES[made.outcome] then
        error(problem(422, made.outcome, "this Idempotency-Key was sent with another request before"))
      end
      return 201, json.raw(made.body), {
        ETag = conditional.etag(made.version), Location = self.path .. "/" .. made.id,
      }
    end,
  }
end

local function changed_meanwhile()
  error(problem(412, "version_mismatch", "this was changed meanwhile: look at it again"))
end

-- What the row would be with this patch, as the check across fields wants it.
local function check_merged(self, row, patch)
  local merged, errors = {}, json.array()
  for _, it in ipairs(self.fields) do
    local value = patch[it.name]
    if value == nil then
      value = row[it.name]
    end
    merged[it.name] = value ~= json.null and value or nil
  end
  self.check(merged, function(pointer, detail)
    errors[#errors + 1] = { pointer = pointer, detail = detail }
  end)
  if #errors > 0 then
    error(problem(422, "validation_failed", errors[1].pointer:sub(2) .. " " .. errors[1].detail, { errors = errors }))
  end
end

-- Fields that not everybody may change who may change the row.
local function demand_fields(self, patch, judge)
  for _, it in ipairs(self.fields) do
    if it.changed_by and patch[it.name] ~= nil then
      judge:demand(it.changed_by)
    end
  end
end

local function change_route(self, subject)
  return {
    method = "PATCH", path = self.path .. "/{id}", permission = self.may.change.name, subject = subject,
    summary = ("Change %s"):format(a(self.one)), description = "A JSON merge patch (RFC 7396).",
    body = change_schema(self), headers = { conditional.DEMANDED }, sends = { conditional.ETAG },
    responses = { [200] = self.answer }, errors = conflicts(self.refuse),
    handler = function(req, row, judge)
      conditional.demand(req, row.version)
      demand_fields(self, req.body, judge)
      if next(req.body) ~= nil then
        if self.check then
          check_merged(self, row, req.body)
        end
        local request = caller.of(req, 200)
        row = run(self, "change", request, req, row.id, row.version, req.body, request) or changed_meanwhile()
      end
      return 200, row, { ETag = conditional.etag(row.version) }
    end,
  }
end

local function delete_route(self, subject)
  return {
    method = "DELETE", path = self.path .. "/{id}", permission = self.may.delete.name, subject = subject,
    summary = ("Delete %s"):format(a(self.one)), headers = { conditional.DEMANDED },
    responses = { [204] = false }, errors = next(self.in_use) and { [409] = { "in_use" } } or nil,
    handler = function(req, row)
      conditional.demand(req, row.version)
      local request = caller.of(req, 204)
      if not run(self, "delete", request, row.id, row.version, request) then
        changed_meanwhile()
      end
      return 204
    end,
  }
end

-- The conflicts that a step may meet: it was taken already, or another one is possible only.
local function move_conflicts(list)
  local set = { transition_not_allowed = true }
  for _, it in ipairs(list) do
    set["already_" .. it.to:lower()] = true
  end
  return { [409] = faults.names_of(set) }
end

local NOTHING <const> = { type = "object", properties = {} }

-- A step of the workflow. Who may take it is said by its transitions, of which the caller must see the row.
local function move_route(self, action, move, subject)
  return {
    method = "POST", path = ("%s/{id}/%s"):format(self.path, (action:gsub("_", "-"))), summary = move.summary,
    permission = self.may.view.name, subject = subject, auth = true, body = move.body or NOTHING,
    headers = { idempotency.HEADER, conditional.HEADER }, sends = { conditional.ETAG },
    responses = { [200] = self.answer }, errors = move_conflicts(self.workflow.by_action[action]),
    handler = function(req, row, judge)
      local request, version = caller.of(req, 200), conditional.expected(req, row.version)
      local done = transition.run(self.workflow, action, row, judge, function(it)
        return run(self, "move", request, req, it, row.id, version, req.body, request)
      end)
      if done.outcome == "version_mismatch" then
        changed_meanwhile()
      elseif done.outcome == "idempotency_mismatch" then
        error(problem(422, done.outcome, "this Idempotency-Key was sent with another request before"))
      end
      return 200, json.raw(done.body), { ETag = conditional.etag(done.version) }
    end,
  }
end

local function make_routes(self)
  local function subject(req) return self.record:get(req, req.params.id) end
  local routes = { list_route(self), get_route(self, subject) }
  routes[#routes + 1] = self.may.create and create_route(self)
  routes[#routes + 1] = self.may.change and change_route(self, subject)
  routes[#routes + 1] = self.may.delete and delete_route(self, subject)
  for _, action in ipairs(faults.names_of(self.moves)) do
    routes[#routes + 1] = move_route(self, action, self.moves[action], subject)
  end
  return routes
end

-- ---- making ----

-- The columns that the rules look at and no field shows: those written with _.
local function hidden_columns(may)
  local made = {}
  for _, rule in pairs(may) do
    for _, column in pairs(rule.columns) do
      if type(column) == "string" and column:sub(1, 1) == "_" then
        made[column] = column
      end
    end
  end
  return made
end

-- Every resource has these: id first, the others last.
local function own_fields()
  local function own(name, it)
    it.name = name
    return it
  end
  return own("id", field.id()), {
    own("version", field.integer { description = "also the ETag", min = 1 }),
    own("createdAt", field.instant()), own("updatedAt", field.instant()),
  }
end

-- A resource: routes, and events(), a list of what its changes tell. For routes written by hand beside it: the schemas
-- `created`, of the body that makes one, and `answer`.
local function new(spec)
  local at, found = faults.here(2, ("resources/%s.lua"):format(tostring(spec.name))), faults.new()
  local function note(text, hint)
    found:add(at, text, hint)
  end
  check_keys(spec, note)
  found:raise()
  check_may(spec.may, note)
  local fields, by_name = read_fields(spec, note), {}
  local first, last = own_fields()
  table.insert(fields, 1, first)
  table.move(last, 1, #last, #fields + 1, fields)
  for _, it in ipairs(fields) do
    by_name[it.name] = it
  end
  check_list(spec.list, by_name, note)
  local slug = find_slug(fields, by_name, note)
  if spec.moves then
    check_moves(spec, by_name, note)
  end
  found:raise()

  local words, has_hidden = words_of(spec.table), false
  for _, it in ipairs(fields) do
    if it.shown_to then
      has_hidden = true
      it.shown_to = condition.of(it.shown_to)
    end
  end
  local self = {
    name = spec.name, path = "/v1/" .. spec.name, table = spec.table, title = spec.title or spec.table,
    one = spec.one or words, many = spec.name:gsub("-", " "), fields = fields, by_name = by_name, may = spec.may,
    refuse = spec.refuse or {}, in_use = spec.in_use or {}, check = spec.check, has_hidden = has_hidden,
    sort = spec.list.sort, filter = spec.list.filter or {}, check_query = spec.list.check,
    hidden = hidden_columns(spec.may),
    tells = spec.tells or words:gsub(" ", "_"), workflow = spec.workflow, moves = spec.moves or {}, slug = slug,
  }
  self.record = record.new {
    name = spec.name, table = spec.table, tells = self.tells, fields = fields, view = condition.of(spec.may.view),
    slug = slug, hidden = self.hidden, sort = self.sort, named = spec.list.named,
    filter = self.filter, may = spec.may, sets = spec.sets, machine = self.workflow, moves = self.moves,
  }
  self.answer = answer_schema(self)
  local events = {}
  for action, event in pairs { create = "created", change = "changed", delete = "deleted" } do
    events[#events + 1] = spec.may[action] and ("%s.%s"):format(self.tells, event)
  end
  return {
    routes = make_routes(self), events = function() return events end, created = create_schema(self),
    answer = self.answer,
  }
end

return { new = new }
