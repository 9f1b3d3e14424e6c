-- The contract of the API: what a program that uses it may rely on, read out of its OpenAPI document as
-- "subject" -> "value", and which changes of that would break such a program.
--
--   POST /v1/bookings                                 = an operation
--   POST /v1/bookings body /notes max                 = 2000
--   GET /v1/slots in query from required              = yes
--   GET /v1/slots 200 /data/* type                    = @Slot
--   schema Slot /startTime type                       = string date-time
--   POST /v1/bookings 409 codes                       = slot_taken slot_held …
--
-- What has a title stands once, under it, and is compared in every place that names it: another title is no change.
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

-- The schema without what makes it nullable, and whether null may stand there.
local function opened(schema)
  if schema.anyOf and not schema.properties then return schema.anyOf[1], true end
  local kinds = schema.type
  return schema, type(kinds) == "table" and words_of(kinds):find "null" ~= nil
end

local function kind_of(schema, is_nullable)
  local kind = type(schema.type) == "table" and schema.type[1] or schema.type or "anything"
  local form = schema.format or schema.pattern
  return kind .. (form and " " .. form or "") .. (is_nullable and " or null" or "")
end

local LIMITS <const> = {
  ["max length"] = "maxLength", ["max items"] = "maxItems", max = "maximum", ["min length"] = "minLength",
  min = "minimum",
}

local note_schema

local function note_object(document, facts, at, schema)
  local required = {}
  for _, key in ipairs(schema.required or {}) do required[key] = true end
  for key, field in pairs(schema.properties) do
    local place = at:gsub("/$", "") .. "/" .. key
    facts[place .. " required"] = required[key] and "yes" or "no"
    note_schema(document, facts, place, field)
  end
  local more = schema.additionalProperties
  if type(more) == "table" then note_schema(document, facts, at:gsub("/$", "") .. "/{}", more) end
end

local function note_titled(document, facts, title)
  local at = ("schema %s /"):format(title)
  if not facts[at .. " type"] then note_schema(document, facts, at, document.components.schemas[title]) end
end

function note_schema(document, facts, at, schema)
  local it, is_nullable = opened(schema)
  local title = it["$ref"] and it["$ref"]:match "[^/]*$"
  if title then
    facts[at .. " type"] = "@" .. title .. (is_nullable and " or null" or "")
    return note_titled(document, facts, title)
  end
  facts[at .. " type"] = kind_of(it, is_nullable)
  facts[at .. " enum"] = it.enum and words_of(it.enum)
  for word, key in pairs(LIMITS) do facts[at .. " " .. word] = it[key] and ("%.14g"):format(it[key]) end
  if it.items then note_schema(document, facts, at:gsub("/$", "") .. "/*", it.items) end
  if it.properties then note_object(document, facts, at, it) end
end

local function note_operation(document, facts, at, operation)
  local tokens = operation.security or {}
  facts[at] = "an operation"
  facts[at .. " token"] = #tokens == 0 and "no" or next(tokens[1]) == nil and "if there is one" or "required"
  for _, parameter in ipairs(operation.parameters or {}) do
    local place = ("%s in %s %s"):format(at, parameter["in"], parameter.name)
    facts[place .. " required"] = parameter.required == true and "yes" or "no"
    note_schema(document, facts, place, parameter.schema)
  end
  for kind, content in pairs(operation.requestBody and operation.requestBody.content or {}) do
    facts[at .. " body media"] = kind
    facts[at .. " body required"] = operation.requestBody.required and "yes" or "no"
    note_schema(document, facts, at .. " body /", content.schema)
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

local function limit_of(subject)
  for word in pairs(LIMITS) do
    if subject:sub(-#word - 1) == " " .. word then return word end
  end
  return subject:find " enum$" and "enum" or nil
end

-- The facts with what every title stands for in its place, and without what binds nobody: limits of what is told.
local function expanded(facts)
  local of, flat = {}, {}
  for subject, value in pairs(facts) do
    local title, rest = subject:match "^schema (%S+) (.*)$"
    if title then
      of[title] = of[title] or {}
      of[title][rest] = value
    end
  end
  local function add(subject, value)
    local title, null = value:match "^@(%S+)(.*)$"
    if not title then
      local limit = limit_of(subject)
      if not limit or limit == "enum" or is_sent(subject) then flat[subject] = value end
      return
    end
    local at = subject:gsub(" type$", "")
    for rest, part in pairs(of[title]) do
      local place, word = rest:match "^/(%S*) (.*)$"
      local is_self = place == ""
      add(is_self and at .. " " .. word or ("%s/%s %s"):format(at:gsub("/$", ""), place, word),
        is_self and word == "type" and part .. null or part)
    end
  end
  for subject, value in pairs(facts) do
    if not subject:find "^schema " then add(subject, value) end
  end
  return flat
end

-- Whether what is told of type `new` is also of type `old`: not null any more, or of a form where there was none.
local function is_narrower(old, new)
  local function parts(kind) return kind:gsub(" or null$", ""):match "^(%S+) ?(.*)$" end
  local old_kind, old_form = parts(old)
  local new_kind, new_form = parts(new)
  local is_null_new = new:find " or null$" and not old:find " or null$"
  return old_kind == new_kind and (old_form == "" or old_form == new_form) and not is_null_new
end

-- Why a program breaks when `old` becomes `new`, or nil. `place` tells of the same field, so that a
-- field that is new is known as such.
local function why_broken(subject, old, new)
  local limit, sent = limit_of(subject), is_sent(subject)
  if old == new then
    return nil
  elseif subject:find " required$" then
    local is_broken = new == (sent and "yes" or "no")
    return is_broken and (sent and "must be sent now" or "is not always there any more") or nil
  elseif subject:find " token$" then
    return new == "required" and "is required now" or nil
  elseif limit == "enum" then
    local lost = sent and missing(old, new) or not sent and missing(new, old)
    return lost and (sent and "does not take '%s' any more" or "may be '%s' now"):format(lost)
  elseif sent and limit then
    local is_stricter = limit:find "^max" and tonumber(new) < tonumber(old) or limit:find "^min"
      and tonumber(new) > tonumber(old)
    return is_stricter and ("was %s, is %s"):format(old, new)
  elseif not sent and subject:find " type$" and is_narrower(old, new) then
    return nil
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

local function changes_of(old, new)
  local n = 0
  for subject, value in pairs(old) do n = n + (new[subject] ~= value and 1 or 0) end
  for subject in pairs(new) do n = n + (old[subject] == nil and 1 or 0) end
  return n
end

-- What of `new` breaks programs that rely on `old`, a line each, and how many facts are new or changed otherwise.
function api.compare(old, new)
  local breaks, changes = {}, changes_of(old, new)
  local function broken(subject, why) breaks[#breaks + 1] = subject .. ": " .. why end
  old, new = expanded(old), expanded(new)
  for subject, value in pairs(old) do
    local is_wider = is_sent(subject) and limit_of(subject) or subject:find " required$" and not is_sent(subject)
    if new[subject] == nil and not is_wider then
      broken(subject, "is gone")
    elseif new[subject] ~= nil then
      local why = why_broken(subject, value, new[subject])
      if why then broken(subject, why) end
    end
  end
  for subject, value in pairs(new) do
    if old[subject] == nil then
      local why = why_new(subject, value, old)
      if why then broken(subject, why) end
    end
  end
  table.sort(breaks)
  return breaks, changes
end

return api
