-- HTTP/1.1 as text: one request on a connection of its own, and its answer.
local json = require "mb.json"

local message = {}

local function is_json(type_of_body)
  return type_of_body and (type_of_body:find("^application/json") or type_of_body:find("^application/[%w.]+%+json"))
end

-- A table becomes JSON, a text is sent as it is.
local function encode_body(options, headers)
  if options.body == nil then
    return nil
  elseif type(options.body) == "string" then
    return options.body
  end
  headers["Content-Type"] = headers["Content-Type"] or "application/json"
  return json.encode(options.body)
end

-- options: headers, body, token (sent as Bearer).
function message.write(method, target, options)
  local headers = { Host = "localhost", Connection = "close" }
  for name, value in pairs(options.headers or {}) do
    headers[name] = value
  end
  if options.token then
    headers.Authorization = "Bearer " .. options.token
  end
  local body = encode_body(options, headers)
  if body then
    headers["Content-Length"] = #body
  end
  local lines = { ("%s %s HTTP/1.1"):format(method, target) }
  for name, value in pairs(headers) do
    lines[#lines + 1] = ("%s: %s"):format(name, value)
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

local function read_headers(head)
  local headers = {}
  for name, value in head:gmatch "\r\n([^:\r\n]+):[ \t]*([^\r\n]*)" do
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return headers
end

-- Chunks of RFC 9112 section 7.1; nil when the last one is missing.
local function join_chunks(text)
  local pieces, at = {}, 1
  while true do
    local size, start = text:match("^(%x+)[^\r\n]*\r\n()", at)
    size = tonumber(size or "", 16)
    if not size or #text < start + size then
      return nil
    elseif size == 0 then
      return table.concat(pieces)
    end
    pieces[#pieces + 1] = text:sub(start, start + size - 1)
    at = start + size + 2
  end
end

local function read_body(text, headers)
  if headers["transfer-encoding"] == "chunked" then
    return join_chunks(text)
  elseif headers["content-length"] and #text < math.tointeger(headers["content-length"]) then
    return nil
  end
  return text
end

-- { status, headers (names in small letters), text, body (decoded where it is JSON, else the text) }
function message.read(bytes, method)
  local status, head, rest = bytes:match "^HTTP/1%.[01] (%d%d%d)[^\r\n]*(.-)\r\n\r\n(.*)$"
  if not status then
    error("the server closed the connection without an answer", 0)
  end
  local answer = { status = math.tointeger(status), headers = read_headers(head) }
  answer.text = method == "HEAD" and "" or read_body(rest, answer.headers)
  if not answer.text then
    error(("the server cut its answer (%d) off after %d bytes"):format(answer.status, #rest), 0)
  end
  answer.body = answer.text
  if answer.text ~= "" and is_json(answer.headers["content-type"]) then
    answer.body = json.decode(answer.text)
  end
  return answer
end

-- Adds get, head, delete, options (target, options) and post, put, patch (target, body, options) to a table, over
-- its `request` (method, target, options).
function message.add_verbs(it)
  for _, method in ipairs { "GET", "HEAD", "DELETE", "OPTIONS" } do
    it[method:lower()] = function(target, options)
      return it.request(method, target, options)
    end
  end
  for _, method in ipairs { "POST", "PUT", "PATCH" } do
    it[method:lower()] = function(target, body, options)
      local all = { body = body }
      for key, value in pairs(options or {}) do
        all[key] = value
      end
      return it.request(method, target, all)
    end
  end
end

return message
