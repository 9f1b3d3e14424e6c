-- What a route may answer: its `responses`, the codes of its problems, and the header fields that it reads and sends.
-- The server holds answers to it (src/bind/responses.h), mb.openapi tells of it.
local faults = require "mb.faults"
local schema = require "mb.schema"

-- ---- as they are written ----

-- Or a range of them.
local function is_media_type(it)
  return type(it) == "string" and (it == "*/*" or it:find "^%l+/%*$" or it:find "^%l+/[%w.+-]+") ~= nil
end

-- { media = "text/csv", example = "…" } of a stream; nil of a schema.
local function stream_of(it)
  if type(it) == "string" then
    return { media = it }
  end
  return type(it) == "table" and it.media and it or nil
end

local function verify_one(status, it, wrong, where, found)
  local stream = stream_of(it)
  if stream then
    if not is_media_type(stream.media) or type(stream.example or "") ~= "string" then
      wrong(("the response of status %d is a schema, a media type or false"):format(status))
    end
  elseif type(it) == "table" then
    schema.answer(it, where, found)
  elseif it ~= false then
    wrong(("the response of status %d is a schema, a media type or false"):format(status))
  end
end

local function verify_codes(list, wrong, codes)
  for status, of_status in pairs(list) do
    if math.type(status) ~= "integer" or status < 400 or status > 599 or type(of_status) ~= "table" then
      wrong("'errors' of a route are lists of codes by status, as { [409] = { \"slot_taken\" } }")
    else
      for _, code in ipairs(of_status) do
        local why, hint = codes:refusal(status, code)
        if why then
          wrong(why, hint)
        end
      end
    end
  end
end

local function verify_fields(list, key, wrong, codes)
  for _, field in ipairs(list or {}) do
    if type(field) ~= "table" or type(field.name) ~= "string" or type(field.description) ~= "string" then
      wrong(("'%s' of a route is a list of { name =, description = }"):format(key))
    else
      verify_codes(field.errors or {}, wrong, codes)
    end
  end
end

-- Notes what is wrong with what a route says of its answers. codes: mb.problem_codes.
local function verify(route, wrong, where, found, codes)
  for status, it in pairs(route.responses or {}) do
    if math.type(status) ~= "integer" or status < 200 or status > 399 then
      wrong(("'responses' of a route are of statuses from 200 to 399, not of %s"):format(tostring(status)),
        "problems stand in `errors`")
    else
      verify_one(status, it, wrong, where, found)
    end
  end
  verify_codes(route.errors or {}, wrong, codes)
  verify_fields(route.headers, "headers", wrong, codes)
  verify_fields(route.sends, "sends", wrong, codes)
end

-- ---- as they are kept ----

-- For the server, in the order of statuses; nil where a route promises nothing.
local function promised(route)
  local list = route.responses and {}
  for status, it in pairs(route.responses or {}) do
    local stream = stream_of(it)
    list[#list + 1] = { status = status, schema = not stream and it or nil, media = stream and stream.media }
  end
  if list then
    table.sort(list, function(a, b) return a.status < b.status end)
  end
  return list
end

-- ---- problems ----

-- Adds lists of codes by status.
local function add(made, lists)
  for status, list in pairs(lists or {}) do
    made[status] = made[status] or {}
    for _, code in ipairs(list) do
      made[status][code] = true
    end
  end
end

local function of_body(route)
  if type(route.body) == "table" then
    local has_to = route.body.required and #route.body.required > 0
    return {
      [400] = { "invalid_json" }, [413] = { "body_too_large" },
      [415] = { "unsupported_media_type", "unsupported_content_encoding" },
      [422] = { "validation_failed", has_to and "body_required" or nil },
    }
  end
  return route.body and { [413] = { "body_too_large" }, [415] = { "unsupported_content_encoding" } } or nil
end

-- The codes of problems by status that a route has by what it is and by what it says, as sorted lists. it: { route =,
-- auth =, is_public =, is_open =, limits =, hooks = }. What any route may answer is not among them.
local function problems(it)
  local route, made = it.route, {}
  add(made, of_body(route))
  add(made, route.query and {
    [400] = { "invalid_query", route.query.cursor and "invalid_cursor" or nil }, [422] = { "validation_failed" },
  })
  add(made, route.params and { [422] = { "validation_failed" } })
  add(made, it.auth and { [401] = { "invalid_token", not it.is_open and "authentication_required" or nil } })
  add(made, it.auth and route.permission ~= "public" and { [403] = { "key_not_allowed" } })
  add(made, not it.is_public and route.subject and { [403] = { "not_allowed" } })
  add(made, (not it.is_public and not route.lists or route.path:find "{") and { [404] = { "not_found" } })
  add(made, route.errors)
  for _, field in ipairs(route.headers or {}) do
    add(made, field.errors)
  end
  add(made, it.limits and #it.limits > 0 and { [429] = { "rate_limited" } })
  for _, hook in ipairs(it.hooks and it.hooks.before or {}) do
    for code, told in pairs(hook.plugin.manifest.problems or {}) do
      add(made, { [told[1]] = { code } })
    end
  end
  for status, set in pairs(made) do
    made[status] = faults.names_of(set)
  end
  return made
end

-- The codes as one set, for the server: its [1] is the set of those that any route may answer.
local function set_of(problems_by_status, codes)
  local set = { codes.everywhere }
  for _, list in pairs(problems_by_status) do
    for _, code in ipairs(list) do
      set[code] = true
    end
  end
  return set
end

return { verify = verify, promised = promised, problems = problems, set_of = set_of, stream_of = stream_of }
