-- What becomes of a request, in words: for `medbookd routes` and `medbookd explain`.
local faults = require "mb.faults"
local limit = require "mb.limit"
local permit = require "mb.permit"
local rule = require "mb.rule"
local source = require "mb.source"

local list = {}

-- list: of mb.router `compiled`, in the order in which the server counts routes.
local function publish(compiled)
  list = compiled
end

-- Every route in a line: method, path, permission, file:line, summary.
local function routes()
  local lines, widest = {}, { 0, 0, 0 }
  local cells = {}
  for i, it in ipairs(list) do
    cells[i] = { it.method .. " " .. it.pattern, it.route.permission, it.where, it.route.summary }
    for column = 1, 3 do
      widest[column] = math.max(widest[column], utf8.len(cells[i][column]))
    end
  end
  table.sort(cells, function(a, b)
    local path, other = a[1]:match " (.*)", b[1]:match " (.*)"
    return path < other or path == other and a[1] < b[1]
  end)
  for i, row in ipairs(cells) do
    for column = 1, 3 do
      row[column] = row[column] .. (" "):rep(widest[column] - utf8.len(row[column]))
    end
    lines[i] = table.concat(row, "  ") .. "\n"
  end
  return table.concat(lines)
end

-- ---- one route ----

-- "guestName string 1..200, limit integer 1..100 (50)"
local function field_text(name, field, is_required)
  local least, most = field.minimum or field.minLength, field.maximum or field.maxLength or field.maxItems
  local range = (least or most) and (" %s..%s"):format(least or "", most or "") or ""
  local choice = field.enum and " of " .. table.concat(field.enum, ", ") or ""
  local default = field.default ~= nil and (" = %s"):format(tostring(field.default)) or ""
  return ("%s%s: %s%s%s%s"):format(name, is_required and " (required)" or "", field.format or field.type, range, choice,
    default)
end

local function fields_text(fields, required, lines)
  local is_required = {}
  for _, key in ipairs(required or {}) do
    is_required[key] = true
  end
  for _, name in ipairs(faults.names_of(fields)) do
    lines[#lines + 1] = "     " .. field_text(name, fields[name], is_required[name])
  end
end

local function without(fields, ...)
  local kept = {}
  for key, field in pairs(fields) do
    kept[key] = field
  end
  for _, key in ipairs { ... } do
    kept[key] = nil
  end
  return kept
end

local function across(spec)
  return (spec.check or spec.one_of) and ", with a check across fields" or ""
end

local STEPS <const> = {
  function(it)
    if it.auth and not permit.is_open(it.rule) then
      return "token: required, else 401"
    end
    return it.auth and "token: looked at when one is sent; 401 when it is none" or nil
  end,
  function(it, lines)
    if it.route.params then
      lines[#lines + 1] = "params: else 422"
      fields_text(it.route.params, nil, lines)
    end
  end,
  function(it, lines)
    if it.route.query then
      lines[#lines + 1] = "query: else 422" .. across(it.route.query)
      fields_text(without(it.route.query, "check", "required", "one_of"), it.route.query.required, lines)
    end
  end,
  function(it, lines)
    local body = it.route.body
    if body == "stream" then
      return "body: any, streamed" .. (it.max_body > 0 and (", at most %d bytes"):format(it.max_body) or "")
    elseif body then
      lines[#lines + 1] = "body: JSON, else 400, 413, 415, 422" .. across(body)
      fields_text(body.properties or {}, body.required, lines)
    end
  end,
  function(it)
    return it.route.subject and ("subject: the row that is asked about, else 404 (%s)"):format(source(it.route.subject))
  end,
  function(it)
    if permit.is_public(it.rule) then
      return "permission: public, everybody"
    end
    return ("permission: %s, %s%s (%s)"):format(it.route.permission, it.route.lists and "each row for " or "",
      rule.describe(it.rule), it.rule.at)
  end,
  function(it, lines)
    if #it.limits > 0 then
      lines[#lines + 1] = "limit: else 429"
        .. (it.limits.except and (", with exceptions (%s)"):format(source(it.limits.except)) or "")
    end
    for _, one in ipairs(it.limits) do
      lines[#lines + 1] = "     " .. limit.describe(one)
    end
  end,
  function(it, lines)
    for _, hook in ipairs(it.hooks and it.hooks.before or {}) do
      lines[#lines + 1] = ("hook before: %s (%s)%s"):format(hook.plugin, hook.handler.at,
        hook.on_failure == "ignore" and ", its failure is ignored" or ", its failure refuses the request")
    end
  end,
  function(it)
    return ("handler: %s"):format(it.where)
  end,
  function(it, lines)
    for _, hook in ipairs(it.hooks and it.hooks.after or {}) do
      lines[#lines + 1] = ("hook after: %s (%s)"):format(hook.plugin, hook.handler.at)
    end
  end,
}

-- What happens to a request of route number `index`, counted from 0, in order, each with its place.
local function explain(index)
  local it = list[math.tointeger(tonumber(index)) + 1]
  local lines = { ("%s %s"):format(it.method, it.pattern), "  " .. it.route.summary }
  local number = 0
  for _, step in ipairs(STEPS) do
    local said = {}
    local one = step(it, said)
    said[#said + 1] = one or nil
    for _, text in ipairs(said) do
      local is_detail = text:sub(1, 1) == " "
      number = is_detail and number or number + 1
      lines[#lines + 1] = is_detail and text or ("  %d  %s"):format(number, text)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return { publish = publish, routes = routes, explain = explain }
