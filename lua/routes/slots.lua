-- Free slots: what can be booked, in order of time.
local answers = require "validation.answers"
local cursor = require "mb.cursor"
local db = require "mb.db"
local json = require "mb.json"
local slots = require "queries.slots"
local time = require "mb.time"
local validation = require "validation.slots"

local WEEK_MS <const> = 7 * 86400000

local LAST_MS <const> = time.parse "9999-12-31T23:59:59.999Z"

-- The window asked for; default now to seven days later. Written anew, as RFC 3339 allows texts
-- that PostgreSQL does not read, such as fractions of any length.
local function window(query)
  local from = query.from and time.parse(query.from) or time.now()
  local to = query.to and time.parse(query.to) or math.min(from + WEEK_MS, LAST_MS)
  return time.format(from), time.format(to)
end

-- Of a page that was asked for with one row more.
local function next_cursor(rows, limit)
  if not rows:keep(limit) then
    return json.null
  end
  local last = rows[#rows]
  return cursor.encode(last.startTime, last.id)
end

return {
  {
    method = "GET", path = "/v1/slots", permission = "public",
    summary = "Free slots of a provider, or of a service or a location",
    query = validation.search,
    responses = { [200] = answers.slots },
    handler = function(req)
      local q = req.query
      local from, to = window(q)
      local after_start, after_id = cursor.decode(q.cursor, "instant", "text")
      if not q.providerId then
        local search = q.serviceId and slots.search_service or slots.search_location
        local rows = db.query(search, nil, q.serviceId, q.locationId, from, to, q.online, q.limit + 1,
          after_start, after_id)
        return { data = rows, nextCursor = next_cursor(rows, q.limit) }
      end
      local rows, facts = db.all(
        { slots.search, q.providerId, q.serviceId, q.locationId, from, to, q.online, q.limit + 1, after_start,
          after_id, n = 9 },
        { slots.facts, q.providerId, q.serviceId, q.locationId, n = 3 })
      return { data = rows, nextCursor = next_cursor(rows, q.limit), included = facts[1] }
    end,
  },
}
