-- The contract of the API: what a program that uses it may rely on, read out of its OpenAPI document as
-- "subject" -> "value", and which changes of that would break such a program.
--
--   POST /v1/bookings                                 = an operation
--   POST /v1/bookings body /notes max                 = 2000
--   GET /v1/slots in query from required              = yes
--   GET /v1/slots 200 /data/* /startTime type         = string date-time
--   POST /v1/bookings 409 codes                       = slot_taken slot_held …
local cjson = require "cjson"

-- What a reference of the document names; what is none, itself.
local function resolve(document, it)
  while it["$ref"] do
    local found = document
    for key in it["$ref"]:sub(3):gmatch "[^/]+" do found = found[key] end
    it = found
  end
  return it
end

local api = { resolve = resolve }

local function words_of(list)
  local words = {}
  for _, word in ipairs(list) do words[#words + 1] = word == cjson.null and "null" or tostring(word) end
  table.sort(words)
  return table.concat(words, " ")
end

-- The schema without a reference, and whether null may stand there.
local function opened(document, schema)
  if schema.anyOf then return resolve(document, schema.anyOf[1]), true end
  schema = resolve(document, schema)
  local kinds = schema.type
  return schema, type(kinds) == "table" and words_of(kinds):find "null" ~= nil
end

local function kind_of(schema, is_nullable)
  local kind = type(schema.type) == "table" and schema.type[1] or schema.type or "anything"
  local form = schema.format or schema.pattern
  return kind .. (form and " " .. form or "") .. (is_nullable and " or null" or "")
end

local note_schema

local function note_object(document, facts, at, schema, is_sent)
  local required = {}
  for _, key in ipairs(schema.required or {}) do required[key] = true end
  for key, field in pairs(schema.properties) do
    local place = at:gsub("/$", "") .. "/" .. key
    if is_sent then facts[place .. " required"] = required[key] and "yes" or "no" end
    note_schema(document, facts, place, field, is_sent)
  end
end

-- is_sent: by the program, so that limits matter; else it is told.
function note_schema(document, facts, at, schema, is_sent)
  local it, is_nullable = opened(document, schema)
  facts[at .. " type"] = kind_of(it, is_nullable)
  facts[at .. " enum"] = it.enum and words_of(it.enum)
  if is_sent then
    for word, key in pairs { ["max length"] = "maxLength", ["max items"] = "maxItems", max = "maximum" } do
      facts[at .. " " .. word] = it[key] and ("%.14g"):format(it[key])
    end
    for word, key in pairs { ["min length"] = "minLength", min = "minimum" } do
      facts[at .. " " .. word] = it[key] and ("%.14g"):format(it[key])
    end
  end
  if it.items then note_schema(document, facts, at:gsub("/$", "") .. "/*", it.items, is_sent) end
  if it.properties then note_object(document, facts, at, it, is_sent) end
end

local function note_operation(document, facts, at, operation)
  local tokens = operation.security or {}
  facts[at] = "an operation"
  facts[at .. " token"] = #tokens == 0 and "no" or next(tokens[1]) == nil and "if there is one" or "required"
  for _, parameter in ipairs(operation.parameters or {}) do
    local place = ("%s in %s %s"):format(at, parameter["in"], parameter.name)
    facts[place .. " required"] = parameter.required == true and "yes" or "no"
    note_schema(document, facts, place, parameter.schema, true)
  end
  for kind, content in pairs(operation.requestBody and operation.requestBody.content or {}) do
    facts[at .. " body media"] = kind
    facts[at .. " body required"] = operation.requestBody.required and "yes" or "no"
    note_schema(document, facts, at .. " body /", content.schema, true)
  end
  for status, response in pairs(operation.responses) do
    response = resolve(document, response)
    facts[at .. " " .. status] = "a status"
    facts[at .. " " .. status .. " codes"] = response["x-codes"] and words_of(response["x-codes"])
    for kind, content in pairs(response.content or {}) do
      if kind ~= "application/problem+json" then facts[at .. " " .. status .. " media"] = kind end
      if kind == "application/json" then note_schema(document, facts, at .. " " .. status .. " /", content.schema) end
    end
  end
end

-- The facts of a document, decoded by cjson.
function api.facts(document)
  local facts = {}
  for path, item in pairs(document.paths) do
    for method, operation in pairs(item) do
      note_operation(document, facts, method:upper() .. " " .. path, operation)
    end
  end
  return facts
end

-- ---- the record, a fact a line ----

function api.write(facts)
  local lines = {}
  for subject, value in pairs(facts) do lines[#lines + 1] = subject .. " = " .. value end
  table.sort(lines)
  return table.concat(lines, "\n") .. "\n"
end

function api.read(text)
  local facts = {}
  for line in text:gmatch "[^\n]+" do
    local subject, value = line:match "^(.-) = (.*)$"
    facts[subject] = value
  end
  return facts
end

-- ---- what breaks ----

local function set_of(words)
  local set = {}
  for word in words:gmatch "%S+" do set[word] = true end
  return set
end

-- A word of `some` that is not among `all`.
local function missing(some, all)
  local set = set_of(all)
  for word in some:gmatch "%S+" do
    if not set[word] then return word end
  end
end

local function is_sent(subject)
  return subject:find " in %l+ " ~= nil or subject:find " body " ~= nil
end

local LIMITS <const> = { "max", "max length", "max items", "min", "min length", "enum" }

local function limit_of(subject)
  for _, word in ipairs(LIMITS) do
    if subject:sub(-#word - 1) == " " .. word then return word end
  end
end

-- Why a program breaks when `old` becomes `new`, or nil. `place` tells of the same field, so that a
-- field that is new is known as such.
local function why_broken(subject, old, new)
  local limit, sent = limit_of(subject), is_sent(subject)
  if old == new then
    return nil
  elseif subject:find " required$" then
    return new == "yes" and "must be sent now" or nil
  elseif subject:find " token$" then
    return new == "required" and "is required now" or nil
  elseif limit == "enum" then
    local lost = sent and missing(old, new) or not sent and missing(new, old)
    return lost and (sent and "does not take '%s' any more" or "may be '%s' now"):format(lost)
  elseif sent and limit then
    local is_narrower = limit:find "^max" and tonumber(new) < tonumber(old) or limit:find "^min"
      and tonumber(new) > tonumber(old)
    return is_narrower and ("was %s, is %s"):format(old, new)
  elseif subject:find " codes$" then
    local lost = missing(old, new)
    return lost and ("'%s' is not told any more"):format(lost)
  end
  return ("was '%s', is '%s'"):format(old, new)
end

local function operation_of(subject) return subject:match "^%u+ [^ ]+" end
local function field_of(subject) return (subject:gsub(" " .. (limit_of(subject) or "required") .. "$", "")) end

-- The same of a subject that was not there: of an operation that was, what is to be sent is told, or limited.
local function why_new(subject, value, old)
  if not old[operation_of(subject)] or not is_sent(subject) then
    return nil
  elseif subject:find " required$" then
    return value == "yes" and "must be sent now" or nil
  end
  return limit_of(subject) and old[field_of(subject) .. " type"] and "is limited now" or nil
end

-- What of `new` breaks programs that rely on `old`, a line each, and how many facts are new or changed otherwise.
function api.compare(old, new)
  local breaks, changes = {}, 0
  local function broken(subject, why) breaks[#breaks + 1] = subject .. ": " .. why end
  for subject, value in pairs(old) do
    local is_wider = is_sent(subject) and limit_of(subject)
    if new[subject] == nil and not is_wider then
      broken(subject, "is gone")
    elseif new[subject] ~= nil then
      local why = why_broken(subject, value, new[subject])
      if why then broken(subject, why) end
    end
    changes = changes + (new[subject] ~= value and 1 or 0)
  end
  for subject, value in pairs(new) do
    if old[subject] == nil then
      changes = changes + 1
      local why = why_new(subject, value, old)
      if why then broken(subject, why) end
    end
  end
  table.sort(breaks)
  return breaks, changes
end

return api
