-- A strict HTTP/1.1 client on raw sockets, so that a test sees exactly what the server sends:
-- anything malformed raises. `request` is for everyday use; `connect` for sending arbitrary bytes.

local cjson = require "cjson"
local socket = require "socket"

local connection = {}
connection.__index = connection

local function split_head(head)
  local version, status, reason = head:match "^HTTP/(1%.[01]) (%d%d%d) ([^\r\n]*)\r\n"
  if not version then error("malformed status line: " .. head:match "^[^\n]*", 0) end
  local headers, list = {}, {}
  for line in head:gmatch("\r\n([^\r\n]+)") do
    local name, value = line:match "^([%w!#$%%&'*+.^_`|~-]+):[ \t]*(.-)[ \t]*$"
    if not name then error("malformed header line: " .. line, 0) end
    list[#list + 1] = { name, value }
    name = name:lower()
    headers[name] = headers[name] and headers[name] .. ", " .. value or value
  end
  return { version = version, status = tonumber(status), reason = reason, headers = headers, list = list }
end

-- Opens a connection. Options: host (default 127.0.0.1), timeout in seconds (default 10).
local function connect(port, options)
  options = options or {}
  local sock = assert(socket.tcp4())
  local timeout = options.timeout or 10
  sock:settimeout(timeout)
  local ok, err = sock:connect(options.host or "127.0.0.1", port)
  if not ok then
    sock:close()
    return nil, err
  end
  sock:setoption("tcp-nodelay", true)
  return setmetatable({ sock = sock, buffer = "", timeout = timeout }, connection)
end

-- Sends bytes; nil and a text when the peer is gone.
function connection:send(bytes) return self.sock:send(bytes) end

-- Waits for more bytes; nil and "closed" or "timeout" when there are none. (receive(n) waits for all
-- of n bytes, so one is awaited and the rest taken without waiting.)
function connection:fill()
  local first, err = self.sock:receive(1)
  if not first then return nil, err end
  self.sock:settimeout(0)
  local rest, _, partial = self.sock:receive(65536)
  self.sock:settimeout(self.timeout)
  self.buffer = self.buffer .. first .. (rest or partial or "")
  return true
end

function connection:settimeout(seconds)
  self.timeout = seconds
  self.sock:settimeout(seconds)
end

local function take(self, n)
  while #self.buffer < n do
    local ok, err = self:fill()
    if not ok then error(("the body ended early (%s): %d of %d bytes"):format(err, #self.buffer, n), 0) end
  end
  local bytes = self.buffer:sub(1, n)
  self.buffer = self.buffer:sub(n + 1)
  return bytes
end

local function take_line(self)
  while true do
    local stop = self.buffer:find("\r\n", 1, true)
    if stop then return take(self, stop + 1):sub(1, -3) end
    local ok, err = self:fill()
    if not ok then error("a chunk line ended early: " .. err, 0) end
  end
end

local function read_chunks(self, response)
  local chunks = {}
  while true do
    local size = take_line(self):match "^(%x+)$"
    if not size then error("malformed chunk size", 0) end
    size = tonumber(size, 16)
    if size == 0 then break end
    chunks[#chunks + 1] = take(self, size)
    if take(self, 2) ~= "\r\n" then error("a chunk does not end with CRLF", 0) end
  end
  while take_line(self) ~= "" do response.has_trailers = true end
  response.chunks = #chunks
  return table.concat(chunks)
end

local function read_to_end(self)
  repeat
    local ok, err = self:fill()
    if err == "timeout" then error("the body has no length and the connection stays open", 0) end
  until not ok
  return take(self, #self.buffer)
end

local function read_body(self, response, method)
  local status, headers = response.status, response.headers
  if method == "HEAD" or status < 200 or status == 204 or status == 304 then return "" end
  local length, coding = headers["content-length"], headers["transfer-encoding"]
  if length and coding then error("both Content-Length and Transfer-Encoding", 0) end
  if coding then
    if coding ~= "chunked" then error("unknown transfer coding " .. coding, 0) end
    return read_chunks(self, response)
  end
  if not length then return read_to_end(self) end
  if not length:match "^%d+$" then error("malformed Content-Length " .. length, 0) end
  return take(self, tonumber(length))
end

-- The next response { status, reason, version, headers (by lower-case name), list, body, json };
-- nil and "closed" or "timeout" when none comes. method: of the request, as HEAD has no body.
-- Interim responses (1xx) are responses of their own.
function connection:read(method)
  while not self.buffer:find("\r\n\r\n", 1, true) do
    local ok, err = self:fill()
    if not ok then
      if self.buffer ~= "" then error("the head ended early: " .. self.buffer, 0) end
      return nil, err
    end
  end
  local _, stop = self.buffer:find("\r\n\r\n", 1, true)
  local response = split_head(take(self, stop))
  response.body = read_body(self, response, method)
  local kind = response.headers["content-type"] or ""
  if response.body ~= "" and kind:match "^application/[%w.+-]*json" and not response.headers["content-encoding"] then
    response.json = cjson.decode(response.body)
  end
  return response
end

-- Whether the peer closes within `seconds` without sending anything more.
function connection:is_closed(seconds)
  self:settimeout(seconds or 5)
  local ok, err = self:fill()
  return not ok and err == "closed" and self.buffer == ""
end

-- Everything that comes until the peer closes, as bytes.
function connection:rest() return read_to_end(self) end

function connection:close() self.sock:close() end

-- Resets the connection instead of closing it.
function connection:reset()
  self.sock:setoption("linger", { on = true, timeout = 0 })
  self.sock:close()
end

-- The bytes of a request. Options: headers (a map, or a list of {name, value}), body (text, or a
-- table that is sent as JSON), host.
local function format(method, target, options)
  options = options or {}
  local lines = { ("%s %s HTTP/1.1\r\nHost: %s\r\n"):format(method, target, options.host or "localhost") }
  local body = options.body
  if type(body) == "table" then
    body = cjson.encode(body)
    lines[#lines + 1] = "Content-Type: application/json\r\n"
  end
  for name, value in pairs(options.headers or {}) do
    if type(value) == "table" then name, value = value[1], value[2] end
    lines[#lines + 1] = ("%s: %s\r\n"):format(name, value)
  end
  if body then lines[#lines + 1] = ("Content-Length: %d\r\n"):format(#body) end
  lines[#lines + 1] = "\r\n" .. (body or "")
  return table.concat(lines)
end

-- One request on this connection, and its final response; raises when none comes.
function connection:request(method, target, options)
  assert(self:send(format(method, target, options)))
  local response, err
  repeat
    response, err = self:read(method)
  until not response or response.status >= 200
  if not response then error(("%s %s: no response (%s)"):format(method, target, err), 0) end
  return response
end

-- One request on a connection of its own. Options as for format, and port, timeout.
local function request(method, target, options)
  local conn, err = connect(options.port, { timeout = options.timeout })
  if not conn then error(("%s %s: %s"):format(method, target, err), 0) end
  local ok, response = pcall(conn.request, conn, method, target, options)
  conn:close()
  return ok and response or error(response, 0)
end

return { connect = connect, request = request, format = format, null = cjson.null }
