-- How often a route may be asked, as data in its table: one limit, or a list of them that all hold.
--
--   limit = { per = "address", requests = 30, window = "1h" }
--   limit = { except = function(req) return is_spared end,      -- whom none of them counts
--             { per = "address", requests = "booking.guest_rate_address", window = "1h" },
--             { per = "machine", requests = "booking.guest_rate", window = "1min", name = "everybody" } }
--
-- `per`: "address" is an IPv4 address or a /64 of IPv6, "caller" who is signed in, else the address, "machine"
-- is everybody. `requests` is a number or a key of the configuration that has one, 0 = no limit. A window begins
-- with the first request that it counts. `name` tells two limits of a route apart; it is `per` without one. What
-- every other check lets pass is counted, whatever becomes of it; what is over a limit answers 429
-- `rate_limited`, and is not counted. Counts are those of the machine (mb.rate).
--
-- Answers carry RateLimit-Policy and RateLimit as draft-ietf-httpapi-ratelimit-headers-10 has them, for the limits
-- that are the caller's own: what is left for everybody is nobody's business.
local config = require "mb.config"
local faults = require "mb.faults"
local problem = require "mb.problem"
local rate = require "mb.rate"
local span = require "mb.span"

local KEYS <const> = { per = "string", requests = "number or key", window = "string", name = "string" }
local MOST <const> = 1000000 -- of mb.rate
local MACHINE <const> = "machine"

-- per -> the key of whoever it counts, and in words
local COUNTED <const> = {
  address = { function(req) return rate.network(req.client) end, "per client address" },
  caller = { function(req) return req.user_id or rate.network(req.client) end, "per caller" },
  [MACHINE] = { function() return "" end, "on this machine" },
}

-- The number, and the key that it was read from.
local function read_requests(requests, note)
  if type(requests) == "string" then
    local is_known, text = pcall(config, requests)
    local number = is_known and math.tointeger(tonumber(text))
    if not is_known then
      note(tostring(text):match "[^:]*$" or text)
    elseif not number or number < 0 or number > MOST then
      note(("'requests' of a limit: %s is no number from 0 to %d"):format(requests, MOST))
    end
    return number, requests
  elseif math.type(requests) ~= "integer" or requests < 1 or requests > MOST then
    note(("'requests' of a limit is a number from 1 to %d or a key of the configuration"):format(MOST))
  end
  return requests
end

local function read_one(it, route, note)
  for _, key in ipairs(faults.names_of(it)) do
    if not KEYS[key] then
      note(("unknown key '%s' of a limit"):format(key), faults.nearest(key, faults.names_of(KEYS)))
    end
  end
  local window = span.ms(it.window)
  if not window or window < 1000 then
    note "'window' of a limit is a time of at least a second, such as \"1min\" or \"1h\""
  end
  if not COUNTED[it.per] then
    note(("'per' of a limit is one of %s"):format(table.concat(faults.names_of(COUNTED), ", ")))
  end
  local name = it.name or it.per
  if it.name ~= nil and (type(name) ~= "string" or not name:find "^%l[%w_-]*$") then
    note "'name' of a limit is of small letters, digits, _ and -"
  end
  local requests, key = read_requests(it.requests, note)
  return {
    name = name, per = it.per, requests = requests, key = key, window = window, window_text = it.window,
    counter = ("%s %s %s"):format(route.method, route.path, name),
  }
end

-- As a list, and whom none of it counts.
local function listed(spec, note)
  local list, except = { table.unpack(spec) }, spec.except
  if spec.per then
    local only = {}
    for key, value in pairs(spec) do
      only[key] = key ~= "except" and value or nil
    end
    list = { only }
  else
    for _, key in ipairs(faults.names_of(spec)) do
      if key ~= "except" then
        note(("unknown key '%s' of a list of limits"):format(key), "there is except")
      end
    end
  end
  if except ~= nil and type(except) ~= "function" then
    note "'except' of a limit is a function"
  elseif #list == 0 then
    note "'limit' of a route is { per =, requests =, window = } or a list of these"
  end
  return list, except
end

-- The limits of a route in force, { except =, … }, none where it has none; note(text, hint) tells what is wrong.
local function read(route, note)
  local limits, is_named = {}, {}
  if not route.limit then
    return limits
  end
  local list
  list, limits.except = listed(route.limit, note)
  for _, it in ipairs(list) do
    if type(it) ~= "table" then
      note(("a limit is a table, not a %s"):format(type(it)))
      break
    end
    local one = read_one(it, route, note)
    if one.name and is_named[one.name] then
      note(("two limits of a route are called '%s'"):format(one.name), "give one a `name`")
    end
    is_named[one.name or ""] = true
    if one.requests ~= 0 then
      limits[#limits + 1] = one
    end
  end
  return limits
end

-- ---- answers ----

local function seconds(ms)
  return (ms + 999) // 1000
end

-- left: the milliseconds until it may be asked again.
local function refusal_after(left)
  return problem(429, "rate_limited", "too many of these requests: repeat it after the time in Retry-After",
    { retry_after = math.max(1, seconds(left)) })
end

-- The same answer as over a limit, for what else is too much and is not to be told apart from it. To be raised.
local function refusal(req)
  local own = req.own_limit
  if not own then
    return refusal_after(3600 * 1000)
  end
  req:set_field("RateLimit", ('"%s";r=0;t=%d'):format(own.name, seconds(own.left)))
  return refusal_after(own.left)
end

local function tell(req, states)
  local policies, rates = {}, {}
  for _, it in ipairs(states) do
    if it.limit.per ~= MACHINE then
      local limit = it.limit
      policies[#policies + 1] = ('"%s";q=%d;w=%d'):format(limit.name, limit.requests, seconds(limit.window))
      local rest = math.max(0, limit.requests - it.count)
      rates[#rates + 1] = ('"%s";r=%d;t=%d'):format(limit.name, rest, seconds(it.left))
      req.own_limit = req.own_limit or { name = limit.name, left = it.left }
    end
  end
  if #rates > 0 then
    req:set_field("RateLimit-Policy", table.concat(policies, ", "))
    req:set_field("RateLimit", table.concat(rates, ", "))
  end
end

-- Counts a request, or raises the 429. What one limit refuses, no other has counted.
local function demand(limits, req)
  if limits.except and limits.except(req) then
    return
  end
  local states, refused = {}, nil
  for i, limit in ipairs(limits) do
    local key = COUNTED[limit.per][1](req)
    local is_taken, count, left = rate.take(limit.counter, key, limit.requests, limit.window)
    states[i] = { limit = limit, key = key, count = count, left = left }
    if not is_taken then
      refused = left
      break
    end
  end
  if refused then
    for i = 1, #states - 1 do
      local it = states[i]
      rate.give(it.limit.counter, it.key)
      it.count = it.count - 1
    end
  end
  tell(req, states)
  if refused then
    error(refusal_after(refused))
  end
end

-- The function(req) that holds the limits; nil when there are none.
local function compile(limits)
  if #limits == 0 then
    return nil
  end
  return function(req)
    demand(limits, req)
  end
end

-- ---- for people ----

-- "30 in 1h per client address (booking.guest_rate_address)"
local function describe(limit)
  return ("%d in %s %s%s"):format(limit.requests, limit.window_text, COUNTED[limit.per][2],
    limit.key and (" (%s)"):format(limit.key) or "")
end

return { read = read, compile = compile, describe = describe, refusal = refusal }
