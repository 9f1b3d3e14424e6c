-- Tests of scripts, in busted, run by `medbookd test` and `medbookd plugin test`:
--
--   local test = require "medbookd.test"
--   local answer = test.post("/v1/bookings", { slotId = … }, { token = … })
--   assert.equal(201, answer.status)
--
-- The server is this very process, with the installation's scripts and plugins on a database of its own that
-- holds the demo clinic. Nothing is ever committed there: what a test does is gone after it, what `setup`
-- does after its describe (medbookd.marks). A test, or a setup, that takes longer than test.timeout is ended and has
-- failed; scripts have their budgets (worker.script_cpu, plugins.cpu) as in any server.
local host = require "medbookd.host"
local json = require "mb.json"
local marks = require "medbookd.marks"
local message = require "medbookd.message"
local time = require "mb.time"

local test = { clock = {}, http = {}, null = json.null }

-- ---- requests ----

-- test.request("GET", "/v1/slots?…", { headers =, body =, token = }) -> { status, headers, body, text }; and
-- test.get, head, delete, options (target, options), test.post, put, patch (target, body, options).
function test.request(method, target, options)
  local bytes = host.exchange(message.write(method, target, options or {}))
  return message.read(bytes, method)
end

message.add_verbs(test)

-- ---- the database ----

-- test.query("SELECT … WHERE \"id\" = $1", id) -> rows as tables; NULL is nil, json is decoded.
function test.query(sql, ...)
  local text, why, sqlstate, constraint = host.query(sql, ...)
  if not text then
    error(("%s (SQLSTATE %s%s)"):format(why, sqlstate, constraint ~= "" and ", " .. constraint or ""), 2)
  end
  local rows = json.decode(text)
  for _, row in ipairs(rows) do
    for column, value in pairs(row) do
      row[column] = value ~= json.null and value or nil
    end
  end
  return rows
end

-- Events that the outbox holds, oldest first: { type, resource, resourceId, payload }.
function test.outbox()
  return test.query [[SELECT "type", "resource", "resourceId", "payload" FROM "Outbox" ORDER BY "id"]]
end

-- Runs what is due, and what that makes due: schedules, events, jobs. -> { done, retried, dead }
function test.run_jobs()
  local done, retried, dead = host.run_jobs()
  return { done = done, retried = retried, dead = dead }
end

local users = 0

-- A new person: { id, token }. options: role ("USER" unless told), and other columns of "User" as texts.
function test.user(options)
  users = users + 1
  local id, token = ("test-user-%d"):format(users), ("test-token-%d"):format(users)
  local names, marks_of, values = { '"id"' }, { "$1" }, { id }
  for column, value in pairs(options or {}) do
    values[#values + 1] = value
    names[#names + 1] = ('"%s"'):format(column:gsub('"', '""'))
    marks_of[#marks_of + 1] = "$" .. #values
  end
  test.query(('INSERT INTO "User" (%s) VALUES (%s)'):format(table.concat(names, ", "), table.concat(marks_of, ", ")),
    table.unpack(values))
  test.query([[INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
    VALUES ($1, encode(sha256(convert_to($2, 'UTF8')), 'hex'), mb_now() + interval '1 year')]], id, token)
  return { id = id, token = token }
end

-- A free slot of the demo clinic, which begins in a day or later: { id, providerId, startTime, endTime, online }.
-- where: more parameters of GET /v1/slots, as "serviceId=…".
function test.free_slot(where)
  local from = time.format(time.now() + 86400000)
  for _, provider in ipairs(test.get("/v1/providers?limit=100").body.data) do
    local target = ("/v1/slots?providerId=%s&online=false&from=%s&limit=1%s"):format(provider.id, from,
      where and "&" .. where or "")
    local slot = (test.get(target).body.data or {})[1]
    if slot then
      slot.online = false
      return slot
    end
  end
  error("the demo clinic has no such slot; it has thirty days from today", 2)
end

-- ---- the clock ----

local SPANS <const> = { ms = 1, s = 1000, min = 60000, h = 3600000, d = 86400000 }
local stopped -- milliseconds since 1970; nil while it goes

local function stop(ms)
  stopped = ms
  host.stop_clock(ms)
end

-- In every session; what is taken back there takes this back too.
local function move(ms)
  local _, why = host.query_everywhere("SELECT mb_rehearsal.stand($1)", ms and time.format(ms) or "")
  if why then
    error(why, 3)
  end
  stop(ms)
end

-- Stops the clock of scripts and database at an instant, "2026-03-01T08:00:00Z"; nil lets it go again.
function test.clock.set(instant)
  local ms = instant and time.parse(instant)
  if instant and not ms then
    error(("'%s' is no instant such as 2026-03-01T08:00:00Z"):format(tostring(instant)), 2)
  end
  move(ms)
end

function test.clock.now()
  return time.format(time.now())
end

-- Stops it so much later than it is: "90min", "2h", "1d".
function test.clock.advance(span)
  local count, unit = tostring(span):match "^(%d+)(%l+)$"
  if not SPANS[unit] then
    error(("'%s' is no span such as 90min (ms, s, min, h, d)"):format(tostring(span)), 2)
  end
  move(time.now() + math.tointeger(count) * SPANS[unit])
end

marks.add {
  keep = function() return { at = stopped } end,
  restore = function(state) stop(state.at) end,
}

-- ---- other servers ----

local answers = {}

-- What was asked of other servers: { method, url, headers, body }, oldest first.
test.http.requests = {}

-- Stands in for other servers: test.http.on("POST https://api.example.org/sms", { status = 201, body = … }), or a
-- function(request) that returns such a table, or nil and why there is no connection. * stands for anything.
-- The one named last goes first. Where none fits, the connection fails; nothing ever reaches the network.
function test.http.on(which, answer)
  local pattern = "^" .. which:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*", ".*") .. "$"
  table.insert(answers, 1, { pattern = pattern, answer = answer })
end

local function encode_answer(answer)
  local headers, body = {}, answer.body or ""
  for name, value in pairs(answer.headers or {}) do
    headers[#headers + 1] = name:lower() .. "\0" .. value .. "\0"
  end
  if type(body) == "table" then
    body = json.encode(body)
    headers[#headers + 1] = "content-type\0application/json\0"
  end
  return answer.status or 200, table.concat(headers), body
end

local function stand_in(method, url, lines, body)
  local request = { method = method, url = url, headers = {}, body = body }
  for _, line in ipairs(lines) do
    local name, value = line:match "^([^:]+): ?(.*)$"
    request.headers[name:lower()] = value
  end
  test.http.requests[#test.http.requests + 1] = request
  for _, each in ipairs(answers) do
    if (method .. " " .. url):find(each.pattern) then
      local answer, why = each.answer, nil
      if type(answer) == "function" then
        answer, why = answer(request)
      end
      if not answer then
        return nil, why or "the test answers nothing"
      end
      return encode_answer(answer)
    end
  end
  return nil, ("no test.http.on fits %s %s"):format(method, url)
end

host.stand_in(stand_in)
marks.add {
  keep = function()
    return { answers = table.move(answers, 1, #answers, 1, {}), requests = #test.http.requests }
  end,
  restore = function(state)
    answers = state.answers
    for i = #test.http.requests, state.requests + 1, -1 do
      test.http.requests[i] = nil
    end
  end,
}

-- ---- real servers ----

-- app = test.server { ["jobs.concurrency"] = 0 } starts one with these keys of the configuration. It commits, and
-- its clock goes. app.get, app.post … are as here; app.admin.get, app.query(sql), app.log(), app.stop().
test.server = require "medbookd.server"

-- ---- the log ----

-- What the server logged since this test began.
function test.log()
  return host.log(marks.log_from or 0)
end

return test
