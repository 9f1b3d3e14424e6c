-- The routes as an OpenAPI 3.1 document: made from the same tables that the server runs, so that it
-- cannot say anything else. It is written once, when the scripts load.
local canonical = require "mb.canonical"
local faults = require "mb.faults"
local json = require "mb.json"
local limit = require "mb.limit"
local permit = require "mb.permit"
local rule = require "mb.rule"

-- Of the API, not of the program: grows with what it offers.
local VERSION <const> = "1.0.0"

local PHONE <const> = "^\\+[1-9]\\d{6,14}$"

-- status -> name of the component and what it means
local PROBLEMS <const> = {
  [400] = { "BadRequest", "cannot be read: JSON, query syntax, a cursor, an entity tag" },
  [401] = { "Unauthenticated", "a token is required, or the one that was sent is unknown or expired" },
  [403] = { "NotAllowed", "you may see this, but not do this with it" },
  [404] = { "NotFound", "there is no such thing, or it is not yours to see" },
  [409] = { "Conflict", "the state of the thing forbids it" },
  [412] = { "PreconditionFailed", "it was changed meanwhile" },
  [413] = { "TooLarge", "the body is larger than this route takes" },
  [415] = { "UnsupportedMediaType", "the body is not application/json" },
  [422] = { "Unprocessable", "can be read but breaks the schema or a rule; `errors` names the fields" },
  [429] = { "TooManyRequests", "more than the limits of this route allow; repeat it after Retry-After" },
  [500] = { "Failure", "the server cannot answer now (429, 503: repeat after Retry-After) or failed (500)" },
}

local PROBLEM <const> = {
  type = "object", title = "Problem", required = { "title", "status", "code" },
  description = "RFC 9457; some codes add members of their own",
  properties = {
    type = { type = "string" }, title = { type = "string" }, status = { type = "integer" },
    detail = { type = "string", description = "for people" },
    code = { type = "string", description = "stable, for programs" },
    requestId = { type = "string", description = "the log knows it too" },
    errors = { type = "array", items = {
      type = "object",
      properties = {
        pointer = { type = "string", description = "JSON pointer of the field" }, detail = { type = "string" },
      },
    } },
  },
}

-- ---- schemas ----

local render

-- As JSON Schema; is_input: what is sent may hold nothing else.
local function plain(spec, components, is_input)
  local it = {
    type = spec.type ~= "any" and spec.type or nil, description = spec.description,
    minimum = spec.minimum, maximum = spec.maximum,
    minLength = spec.minLength, maxLength = spec.maxLength, maxItems = spec.maxItems, default = spec.default,
    enum = spec.enum and json.array { table.unpack(spec.enum) },
  }
  if spec.format == "phone" then
    it.pattern = PHONE
  else
    it.format = spec.format
  end
  if spec.items then
    it.items = render(spec.items, components, is_input)
  elseif spec.properties then
    it.properties = {}
    for key, field in pairs(spec.properties) do
      it.properties[key] = render(field, components, is_input)
    end
    it.required = spec.required and #spec.required > 0 and json.array { table.unpack(spec.required) } or nil
    if is_input then
      it.additionalProperties = false
    elseif spec.additionalProperties then
      it.additionalProperties = spec.additionalProperties == true
        or render(spec.additionalProperties, components, false)
    end
  end
  return it
end

-- What has a title stands once in the document, and is named elsewhere.
function render(spec, components, is_input)
  local it
  if spec.title then
    local known = components.by_title[spec.title]
    if known and known ~= spec then
      components.found:add(components.where, ("two schemas have the title '%s'"):format(spec.title))
    elseif not known then
      components.by_title[spec.title] = spec
      components.schemas[spec.title] = plain(spec, components, is_input)
    end
    it = { ["$ref"] = "#/components/schemas/" .. spec.title }
  else
    it = plain(spec, components, is_input)
  end
  if not spec.nullable then
    return it
  elseif spec.title then
    return { anyOf = json.array { it, { type = "null" } } }
  end
  it.type = json.array { it.type, "null" }
  if it.enum then
    it.enum[#it.enum + 1] = json.null
  end
  return it
end

-- ---- operations ----

local function parameter(where, name, field, is_required, components)
  return {
    ["in"] = where, name = name, description = field.description, required = is_required,
    schema = render(field, components, true),
  }
end

local function parameters_of(route, components)
  local list = json.array()
  for name in route.path:gmatch "{([^{}]*)}" do
    local field = route.params and route.params[name] or { type = "string" }
    list[#list + 1] = parameter("path", name, field, true, components)
  end
  local query, required = route.query or {}, {}
  for _, key in ipairs(query.required or {}) do
    required[key] = true
  end
  for _, key in ipairs(faults.names_of(query)) do
    if key ~= "check" and key ~= "required" then
      list[#list + 1] = parameter("query", key, query[key], required[key] or false, components)
    end
  end
  for _, header in ipairs(route.headers or {}) do
    list[#list + 1] = {
      ["in"] = "header", name = header.name, description = header.description, schema = { type = "string" },
    }
  end
  return #list > 0 and list or nil
end

local function request_body(route, components)
  if type(route.body) == "table" then
    return {
      required = route.body.required ~= nil and #route.body.required > 0,
      content = { ["application/json"] = { schema = render(route.body, components, true) } },
    }
  end
  return route.body and { required = true, content = { ["application/octet-stream"] = { schema = {} } } } or nil
end

-- The statuses of problems that a route of this kind has, as a set.
local function usual_problems(it)
  local route, set = it.route, {}
  local is_public = permit.is_public(it.rule)
  set[400] = route.query ~= nil or route.body ~= nil
  set[401] = it.auth
  set[403] = not is_public and route.subject ~= nil
  set[404] = not is_public or route.path:find "{" ~= nil
  set[413], set[415] = route.body ~= nil, type(route.body) == "table"
  set[422] = route.params ~= nil or route.query ~= nil or type(route.body) == "table"
  return set
end

local LIMITED <const> = { "rate_limited" }

-- Fields of answers to whom a limit counts (mb.limit), and of every 429.
local function limit_fields()
  return {
    ["RateLimit-Policy"] = {
      description = 'how many requests in how many seconds: `"address";q=30;w=3600`', schema = { type = "string" },
    },
    RateLimit = {
      description = 'how many are left, and the seconds until the window ends: `"address";r=29;t=3600`',
      schema = { type = "string" },
    },
    ["Retry-After"] = { description = "seconds", schema = { type = "integer" } },
  }
end

-- What has no codes of its own stands once in the document.
local function problem_response(status, codes, components)
  local name = PROBLEMS[status] and PROBLEMS[status][1]
  if name and not codes then
    components.responses[name] = components.responses[name] or problem_response(status, {})
    return { ["$ref"] = "#/components/responses/" .. name }
  end
  return {
    description = (PROBLEMS[status] and PROBLEMS[status][2] or "refused")
      .. (#codes > 0 and ": `" .. table.concat(codes, "`, `") .. "`" or ""),
    ["x-codes"] = #codes > 0 and json.array { table.unpack(codes) } or nil,
    headers = status == 429 and limit_fields() or nil,
    content = { ["application/problem+json"] = { schema = { ["$ref"] = "#/components/schemas/Problem" } } },
  }
end

local function success_response(answer, components)
  if answer == false then
    return { description = "done; nothing is told" }
  elseif type(answer) == "string" then
    return { description = "a stream", content = { [answer] = { schema = {} } } }
  end
  return {
    description = answer.description or "as asked for",
    content = { ["application/json"] = { schema = render(answer, components, false) } },
  }
end

local ANYTHING <const> = { type = "object", properties = {} }

local function responses_of(it, components)
  local route, made = it.route, {}
  for status, answer in pairs(route.responses or { [200] = ANYTHING }) do
    made[tostring(status)] = success_response(answer, components)
  end
  local codes = route.errors or {}
  for status, is_usual in pairs(usual_problems(it)) do
    if is_usual or codes[status] then
      made[tostring(status)] = problem_response(status, codes[status], components)
    end
  end
  for status, list in pairs(codes) do
    made[tostring(status)] = problem_response(status, list, components)
  end
  if #it.limits > 0 and not codes[429] then
    made["429"] = problem_response(429, LIMITED, components)
  end
  made.default = problem_response(500, nil, components)
  return made
end

-- "POST /v1/bookings/{id}/no-show" -> "postBookingsByIdNoShow"
local function operation_id(route)
  local words = route.path:gsub("^/v%d+/", "/"):gsub("{([^{}]*)}", "by-%1"):gsub("%f[%w](%w)", string.upper)
  return route.method:lower() .. words:gsub("[^%w]", "")
end

-- "/v1/bookings/{id}" -> "bookings"; a plugin's routes stand under its name.
local function tag_of(route)
  return route.path:match "^/v%d+/plugins/([^/]+)" or route.path:match "^/v%d+/([^/]+)" or "documentation"
end

local function description_of(it)
  local who = ("For %s."):format(it.route.permission == "public" and "everybody" or rule.describe(it.rule))
  if #it.limits > 0 then
    local limits = {}
    for i, one in ipairs(it.limits) do
      limits[i] = limit.describe(one)
    end
    who = ("%s At most %s."):format(who, table.concat(limits, ", "))
  end
  return it.route.description and it.route.description .. "\n\n" .. who or who
end

local function security_of(it)
  if not it.auth then
    return json.array()
  end
  local bearer = { bearer = json.array() }
  return permit.is_public(it.rule) and json.array { {}, bearer } or json.array { bearer }
end

local function operation(it, components)
  local route = it.route
  components.where = it.where
  return {
    operationId = operation_id(route), tags = json.array { tag_of(route) }, summary = route.summary,
    description = description_of(it), parameters = parameters_of(route, components),
    requestBody = request_body(route, components), responses = responses_of(it, components),
    security = security_of(it),
  }
end

-- ---- the document ----

local function document(list, components)
  local paths, tags, is_tagged = {}, json.array(), {}
  render(PROBLEM, components, false)
  for _, it in ipairs(list) do
    local route, tag = it.route, tag_of(it.route)
    paths[route.path] = paths[route.path] or {}
    paths[route.path][route.method:lower()] = operation(it, components)
    if not is_tagged[tag] then
      is_tagged[tag] = true
      tags[#tags + 1] = { name = tag }
    end
  end
  table.sort(tags, function(a, b) return a.name < b.name end)
  return {
    openapi = "3.1.0",
    info = {
      title = "Medical bookings", version = VERSION, contact = { name = "The operator of this server" },
      description = "Medical bookings: find a free slot, book it, manage it. Instants are UTC, money is a decimal "
        .. "string, errors are problems with a stable `code`.",
    },
    servers = json.array { { url = "/" } },
    tags = tags, paths = paths,
    components = {
      schemas = components.schemas, responses = components.responses,
      securitySchemes = { bearer = {
        type = "http", scheme = "bearer",
        description = "a session token of POST /v1/auth/login, or the manageToken of a guest's booking",
      } },
    },
  }
end

local text

-- list: of mb.router `compiled`. Two schemas of one title are a fault.
local function publish(list)
  local components = { schemas = {}, responses = {}, by_title = {}, found = faults.new() }
  local made = document(list, components)
  components.found:raise()
  text = canonical(made)
end

-- The document as JSON text.
local function get()
  return text
end

return { publish = publish, get = get }
