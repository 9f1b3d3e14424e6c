-- The routes as an OpenAPI 3.1 document: made from the same tables that the server runs, so that it
-- cannot say anything else. It is written once, when the scripts load.
local canonical = require "mb.canonical"
local example = require "mb.example"
local faults = require "mb.faults"
local json = require "mb.json"
local json_schema = require "mb.json_schema"
local limit = require "mb.limit"
local permit = require "mb.permit"
local responses = require "mb.responses"
local rule = require "mb.rule"

local render <const> = json_schema.render

-- Of the API, not of the program: grows with what it offers.
local VERSION <const> = "1.0.0"

-- status -> what it means
local STATUSES <const> = {
  [400] = "cannot be read: JSON, query syntax, a cursor, an entity tag",
  [401] = "a token is required, or the one that was sent is unknown or expired",
  [403] = "you may see this, but not do this with it",
  [404] = "it does not exist, or is not yours to see",
  [409] = "the state of the thing forbids it",
  [412] = "it was changed meanwhile",
  [413] = "the body is larger than this route takes",
  [415] = "the body is not application/json, or compressed",
  [422] = "can be read but breaks the schema or a rule; `errors` names the fields",
  [429] = "more than the limits of this route allow: repeat it after Retry-After",
  [500] = "the server failed",
  [502] = "what the server asked failed",
  [503] = "the server cannot answer now: repeat after Retry-After",
}

local PROBLEM <const> = {
  type = "object", title = "Problem", required = { "type", "title", "status", "code" },
  additionalProperties = true, description = "RFC 9457; some codes add members of their own",
  properties = {
    type = { type = "string", description = "where the code is explained" },
    title = { type = "string" }, status = { type = "integer" },
    detail = { type = "string", description = "for people" },
    code = { type = "string", description = "stable, for programs" },
    requestId = { type = "string", description = "the log knows it too" },
    errors = { type = "array", items = {
      type = "object", required = { "pointer", "detail" },
      properties = {
        pointer = { type = "string", description = "JSON pointer of the field" }, detail = { type = "string" },
      },
    } },
  },
}

-- ---- operations ----

local function parameter(where, name, field, is_required, components)
  return {
    ["in"] = where, name = name, description = field.description, required = is_required, example = field.example,
    schema = render(field, components, true),
  }
end

local function header_parameter(field)
  return {
    ["in"] = "header", name = field.name, description = field.description, example = field.example,
    required = field.required, schema = { type = "string" },
  }
end

-- Whether an answer of this route names its version, so that a GET may be conditional.
local function has_etag(route)
  for _, field in ipairs(route.sends or {}) do
    if field.name == "ETag" then
      return true
    end
  end
  return false
end

local IF_NONE_MATCH <const> = {
  name = "If-None-Match", example = '"3"',
  description = "the ETag of what the client has already: if it is still the same, the answer is 304 without a body",
}

local NO_FIELDS <const> = { check = true, required = true, one_of = true }

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
    if not NO_FIELDS[key] then
      list[#list + 1] = parameter("query", key, query[key], required[key] or false, components)
    end
  end
  for _, field in ipairs(route.headers or {}) do
    list[#list + 1] = header_parameter(field)
  end
  if route.method == "GET" and has_etag(route) then
    list[#list + 1] = header_parameter(IF_NONE_MATCH)
  end
  return #list > 0 and list or nil
end

local function media(schema, sample)
  return { schema = schema, example = sample }
end

local function request_body(route, components)
  if type(route.body) == "table" then
    return {
      required = route.body.required ~= nil and #route.body.required > 0,
      content = {
        ["application/json"] = media(render(route.body, components, true), example(route.body, true)),
      },
    }
  end
  return route.body and {
    required = true, content = { ["application/octet-stream"] = { schema = {}, example = "the bytes of a file" } },
  } or nil
end

local REASONS <const> = {
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [409] = "Conflict",
  [412] = "Precondition Failed", [413] = "Content Too Large", [415] = "Unsupported Media Type",
  [422] = "Unprocessable Content", [428] = "Precondition Required", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [502] = "Bad Gateway", [503] = "Service Unavailable",
}

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

local RETRY_AFTER <const> = {
  ["Retry-After"] = { description = "in so many seconds it may be repeated", schema = { type = "integer" } },
}
local function problem_response(status, list, components)
  local first = components.codes.by_code[list[1]]
  return {
    description = (STATUSES[status] or "refused") .. ": `" .. table.concat(list, "`, `") .. "`",
    ["x-codes"] = json.array { table.unpack(list) },
    headers = status == 429 and limit_fields() or status == 503 and RETRY_AFTER or nil,
    content = {
      ["application/problem+json"] = media({ ["$ref"] = "#/components/schemas/Problem" }, {
        type = "/docs/problems#" .. list[1], title = REASONS[status] or "Refused", status = status, code = list[1],
        detail = first.cause, requestId = "54aa9ffbe3cb60ddf2f363bc934e997c",
      }),
    },
  }
end

-- What any request may meet stands once in the document.
local function default_response(components)
  if not components.responses.Failure then
    local made = problem_response(500, { "internal_error" }, components)
    made.description = "what any request may meet, with the status of its code; see /docs/problems"
    made["x-codes"] = json.array(faults.names_of(components.codes.everywhere))
    made.headers = RETRY_AFTER
    components.responses.Failure = made
  end
  return { ["$ref"] = "#/components/responses/Failure" }
end

local function sent_headers(route)
  local made
  for _, field in ipairs(route.sends or {}) do
    made = made or {}
    made[field.name] = { description = field.description, schema = { type = "string" }, example = field.example }
  end
  return made
end

local function success_response(route, answer, components)
  local stream, made = responses.stream_of(answer), { description = "as asked for", headers = sent_headers(route) }
  if answer == false then
    made.description = "done; nothing is told"
  elseif stream then
    made.description, made.content = "a stream", { [stream.media] = media({}, stream.example) }
  else
    made.description = answer.description or made.description
    made.content = { ["application/json"] = media(render(answer, components, false), example(answer)) }
  end
  return made
end

local function responses_of(it, components)
  local route, made = it.route, {}
  for status, answer in pairs(route.responses or {}) do
    made[tostring(status)] = success_response(route, answer, components)
  end
  if not route.responses then
    made["2XX"] = { description = "the route does not say what it answers" }
  end
  if route.method == "GET" and has_etag(route) then
    made["304"] = { description = "it is what the client has already", headers = sent_headers(route) }
  end
  for status, list in pairs(it.problems) do
    made[tostring(status)] = problem_response(status, list, components)
  end
  made.default = default_response(components)
  return made
end

-- "POST /v1/bookings/{id}/no-show" -> "postBookingsByIdNoShow", "GET /" -> "getRoot". Of routes that differ in less
-- than letters and numbers the later ones get a number. taken: set of those given.
local function operation_id(route, taken)
  local words = route.path:gsub("^/v%d+/", "/"):gsub("^/$", "root"):gsub("{([^{}]*)}", "by-%1")
  local name = route.method:lower() .. words:gsub("%f[%w](%w)", string.upper):gsub("[^%w]", "")
  local wanted, n = name, 1
  while taken[name] do
    n = n + 1
    name = wanted .. "_" .. n
  end
  taken[name] = true
  return name
end

-- "/v1/bookings/{id}" -> "bookings"; a plugin's routes stand under its name.
local function tag_of(route)
  return route.path:match "^/v%d+/plugins/([^/]+)" or route.path:match "^/v%d+/([^/]+)" or "documentation"
end

local function description_of(it)
  local route, parts = it.route, {}
  parts[1] = route.description
  if route.query and route.query.one_of then
    parts[#parts + 1] = json_schema.choice(route.query.one_of)
  end
  local who = ("For %s."):format(route.permission == "public" and "everybody" or rule.describe(it.rule))
  local limits = {}
  for i, one in ipairs(it.limits) do
    limits[i] = limit.describe(one)
  end
  parts[#parts + 1] = #limits > 0 and ("%s At most %s."):format(who, table.concat(limits, ", ")) or who
  return table.concat(parts, "\n\n")
end

local function security_of(it)
  if not it.auth then
    return json.array()
  end
  local bearer = { bearer = json.array() }
  return permit.is_open(it.rule) and json.array { {}, bearer } or json.array { bearer }
end

local function operation(it, components)
  local route = it.route
  components.where = it.where
  return {
    operationId = operation_id(route, components.operations), tags = json.array { tag_of(route) },
    summary = route.summary, description = description_of(it), parameters = parameters_of(route, components),
    requestBody = request_body(route, components), responses = responses_of(it, components),
    ["x-one-of"] = route.query and route.query.one_of and json_schema.alternatives(route.query.one_of) or nil,
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
    -- As text at once: the tables of all operations together take ten times as much.
    paths[route.path][route.method:lower()] = json.raw(canonical(operation(it, components)))
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
        .. "string, errors are problems with a stable `code`: /docs/problems explains each.",
    },
    servers = json.array { { url = "/" } },
    tags = tags, paths = paths,
    components = {
      schemas = components.schemas, responses = components.responses,
      securitySchemes = { bearer = {
        type = "http", scheme = "bearer",
        description = "a session token of POST /v1/auth/login, a key of POST /v1/me/api-keys, or the manageToken of a "
          .. "guest's booking",
      } },
    },
  }
end

local text

-- list: of mb.router `compiled`; codes: mb.problem_codes. Two schemas of one title are a fault.
local function publish(list, codes)
  local components = {
    schemas = {}, responses = {}, operations = {}, by_title = {}, found = faults.new(), codes = codes,
  }
  local made = document(list, components)
  components.found:raise()
  text = canonical(made)
end

-- The document as JSON text.
local function get()
  return text
end

return { publish = publish, get = get }
