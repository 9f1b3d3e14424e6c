-- Hashing passwords, and keeping people from guessing them. What was tried is counted on this machine (mb.rate),
-- against the password that it was meant for: a new password begins anew, for whoever asks from wherever.
local config = require "mb.config"
local crypto = require "mb.crypto"
local problem = require "mb.problem"
local rate = require "mb.rate"
local rule = require "mb.password"
local span = require "mb.span"
local time = require "mb.time"

local function number(key, default, help)
  return math.tointeger(tonumber(config.declare(key, {
    type = "integer", default = default, least = 0, most = 1000000, help = help,
  })))
end

local OF_ACCOUNT <const> = number("auth.failures", 5,
  "wrong passwords for one account from one IPv4 address or one /64 of IPv6 within auth.failure_window, before it is "
  .. "asked to wait; 0 = any number")
local OF_ADDRESS <const> = number("auth.failures_address", 30,
  "wrong passwords from one such address for all accounts within that time; 0 = any number")
local WINDOW <const> = span.ms(config.declare("auth.failure_window", {
  type = "duration", default = "15min", least = "1s", most = "1d", help = "see auth.failures",
}))

-- Wrong passwords for an account from all addresses do not close it, or anybody could close anybody's. They make the
-- next attempt, also that of its owner, wait for so many milliseconds each, and for MOST_PAUSE at most.
local PAUSE <const>, MOST_PAUSE <const> = 250, 5000

-- Refusals are given one after the other, so many milliseconds apart and none after more than MOST_PAUSE: a client may
-- have hundreds of connections, and whoever else asks would wait while all of them are refused in one go.
local APART <const> = 5

-- Verified against where there is no password, so that it takes the same time.
local NOBODY <const> = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"
  .. "5Cyz9tE0D0l2lQyA4Cn1lGfYxP9r0s0mS0yJ1n1pJ0E"

-- What is hashed is an HMAC of the password under the server's key, so that a copy of the database alone gives nobody a
-- password to try. Hashes without this mark are of passwords as they are: of other programs, of the demo, of `medbookd
-- admin`; they are renewed at the next sign-in, as are those of other costs than MARK's.
local HMAC <const> = "hmac1:"
local MARK <const> = HMAC .. "$argon2id$v=19$m=19456,t=2,p=1$"

local function keyed(password)
  return crypto.hmac("password", password)
end

local function hash(req, password)
  return HMAC .. crypto.hash_password(keyed(password), req.client)
end

-- Whether what is stored is not as `hash` makes it today.
local function is_old(stored)
  return stored:sub(1, #MARK) ~= MARK
end

-- Takes as long for each.
local function matches(req, stored, password)
  if stored:sub(1, #HMAC) == HMAC then
    return crypto.verify_password(stored:sub(#HMAC + 1), keyed(password), req.client)
  end
  return crypto.verify_password(stored, password, req.client)
end

-- Raises the 422 of a new password, in this field, that may not be that of who has this address and name.
local function demand(pointer, password, email, name)
  local why = rule.refusal(password, email, name)
  if why then
    error(problem(422, "validation_failed", "the password may not be used",
      { errors = { { pointer = pointer, detail = why } } }))
  end
end

local next_refusal = 0

local function wait_for_turn()
  local now = time.now()
  local at = math.min(math.max(now, next_refusal), now + MOST_PAUSE)
  next_refusal = at + APART
  if at > now then
    time.sleep(at - now)
  end
end

-- on_refusal, which may be nil, is told at once.
local function refuse(left, on_refusal)
  if on_refusal then
    on_refusal()
  end
  wait_for_turn()
  error(problem(429, "too_many_attempts", "too many wrong passwords: try again later, or ask for a new password",
    { retry_after = math.max(1, (left + 999) // 1000) }))
end

-- Raises the 429 of verify where an address has had its tries for all accounts, before anything was looked up.
local function admit(req, on_refusal)
  local tries, left = rate.look("password of address", rate.network(req.client))
  if OF_ADDRESS > 0 and tries >= OF_ADDRESS then
    refuse(left, on_refusal)
  end
end

-- Counts an attempt before it is made, so that many at once are not too many. Undo: rate.give.
local function take(name, key, most)
  if most == 0 then
    return
  end
  local is_taken, _, left = rate.take(name, key, most, WINDOW)
  return not is_taken and left or nil
end

local function give(name, key, most)
  if most > 0 then
    rate.give(name, key)
  end
end

-- Whether this is the password of the account that has this address, and hash: nil where there is no account, or none
-- with a password, which nobody is to notice. Raises the 429 of who has tried too often; on_refusal() is told before.
local function verify(req, email, stored, password, on_refusal)
  local network = rate.network(req.client)
  local account = email:lower() .. " " .. (stored or "")
  local key = network .. " " .. account
  local left = take("password of address", network, OF_ADDRESS)
  if not left then
    left = take("password of account", key, OF_ACCOUNT)
    if left then
      give("password of address", network, OF_ADDRESS)
    end
  end
  if left then
    refuse(left, on_refusal)
  end
  local tries = rate.look("password of anybody", account)
  if OF_ACCOUNT > 0 and tries > OF_ACCOUNT then
    time.sleep(math.min(MOST_PAUSE, (tries - OF_ACCOUNT) * PAUSE))
  end
  local is_run, held = pcall(matches, req, stored or NOBODY, password)
  local is_right = is_run and held and stored ~= nil
  if not is_run or is_right then
    give("password of address", network, OF_ADDRESS)
    give("password of account", key, OF_ACCOUNT)
  end
  if not is_run then
    error(held, 0)
  elseif not is_right then
    rate.take("password of anybody", account, 1000000, WINDOW)
  end
  return is_right
end

return { hash = hash, is_old = is_old, demand = demand, admit = admit, verify = verify }
