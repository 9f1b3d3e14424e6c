-- A running medbookd with the demo clinic, as the campaigns need it: its slots, its database and
-- the invariants that must hold whatever was done to it.

local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local scope = require "support.scope"
local servers = require "support.server"
local temp = require "support.temp"

local PAGE <const>, DAY <const> = 100, 86400
local SIGQUIT <const> = 3
local LEAST_GROUP <const>, LARGEST_GROUP <const> = 7, 16

local clinic = {}
clinic.__index = clinic

-- The members every booking of a campaign has besides slot, name and an e-mail address of its own.
local FIELDS <const> = '"isOnline":false'

-- Starts medbookd. Options are those of support/server.lua, and `direct`: the connection string that
-- reaches its database past a proxy. A database must hold the demo clinic already; without one the
-- embedded database is made and gets it.
local function start(options)
  local self = setmetatable({ server = servers.start(options or {}), used = {}, slots_by_id = {} }, clinic)
  self.port = self.server.port
  if not self.server.options.database then
    local loaded = self.server:command("demo", "load")
    if loaded.code ~= 0 then error("demo load: " .. loaded.out .. loaded.err, 2) end
  end
  scope.defer(function() self:stop() end)
  return self
end

local function is_alive(pid) return native.readlink(("/proc/%d/exe"):format(pid)) ~= nil end

-- Stops medbookd, and the embedded PostgreSQL too when a killed supervisor left it running.
function clinic:stop()
  if self.server.process:is_running() then self.server:stop() end
  local master = self:postmaster()
  if master and is_alive(master.pid) then
    native.kill(master.pid, SIGQUIT)
    eventually(function() return not is_alive(master.pid) end, { what = "PostgreSQL to end" })
  end
end

-- First lines of postmaster.pid: process, data folder, start, port, socket folder.
function clinic:postmaster()
  local file <close> = io.open(self.server.data_dir .. "/postgres/postmaster.pid", "r")
  if not file then return nil end
  local lines = {}
  for line in file:lines() do lines[#lines + 1] = line end
  if not lines[5] then return nil end
  return { pid = math.tointeger(tonumber(lines[1])), port = lines[4], socket = lines[5] }
end

-- Connection string of the database, past any proxy.
function clinic:url()
  local options = self.server.options
  if options.database then return options.direct or options.database.url or options.database end
  local master = assert(self:postmaster(), "the embedded PostgreSQL is not running")
  return ("host=%s port=%s user=medbookd dbname=medbookd"):format(master.socket, master.port)
end

function clinic:query(sql) return psql.query(self:url(), sql) end

-- What breaks an invariant, as a text; nil when all hold.
function clinic:broken()
  local result = process.run({ "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self:url(),
                               "-f", paths.root .. "/tests/invariants.sql" }, { within = 300, cwd = "/" })
  if result.code ~= 0 then error("the invariants could not be checked: " .. result.err, 2) end
  local rows = result.out:gsub("^%s+", ""):gsub("%s+$", "")
  return rows ~= "" and rows or nil
end

local function get(self, target)
  local response = self.server:get(target)
  if response.status ~= 200 then error(("GET %s: %d %s"):format(target, response.status, response.body), 3) end
  return response.json
end

-- Every page of a list.
local function all(self, target)
  local rows, cursor = {}, nil
  repeat
    local page = get(self, target .. "&limit=" .. PAGE .. (cursor and "&cursor=" .. cursor or ""))
    table.move(page.data, 1, #page.data, #rows + 1, rows)
    cursor = type(page.nextCursor) == "string" and page.nextCursor
  until not cursor
  return rows
end

function clinic:providers()
  if not self.provider_ids then
    self.provider_ids = {}
    for _, row in ipairs(all(self, "/v1/providers?online=false")) do
      self.provider_ids[#self.provider_ids + 1] = row.id
    end
  end
  return self.provider_ids
end

-- Target of a search for the next free slots of one provider.
function clinic:search(limit)
  self.searched = self.searched or self:providers()[1]
  return ("/v1/slots?providerId=%s&online=false&limit=%d"):format(self.searched, limit)
end

-- Free slots of one provider from tomorrow on (a booking of today may be too late to cancel), in
-- order of time.
function clinic:slots_of(provider)
  local function stamp(days) return os.date("!%Y-%m-%dT%H:%M:%SZ", os.time() + days * DAY) end
  local rows = all(self, ("/v1/slots?providerId=%s&online=false&from=%s&to=%s"):format(provider, stamp(1), stamp(29)))
  for _, row in ipairs(rows) do
    row.provider = provider
    self.slots_by_id[row.id] = row
  end
  return rows
end

-- `n` free slots that no other call was given and that do not overlap each other.
function clinic:take_slots(n)
  local taken = {}
  for _, provider in ipairs(self:providers()) do
    local busy_until = self.used[provider] or ""
    for _, slot in ipairs(#taken < n and self:slots_of(provider) or {}) do
      if #taken < n and slot.startTime >= busy_until then
        taken[#taken + 1] = slot.id
        busy_until = slot.endTime
      end
    end
    self.used[provider] = busy_until
  end
  if #taken < n then error(("the demo clinic has only %d free slots, %d are wanted"):format(#taken, n), 2) end
  return taken
end

-- Slots in order of time, cut into groups that are apart in time: { ids, ends }. A slot that overlaps
-- a full group belongs to none.
local function groups_of(slots, from)
  local groups, ends = {}, from
  for _, slot in ipairs(slots) do
    local group = groups[#groups]
    if slot.startTime >= ends then
      groups[#groups + 1] = { ids = { slot.id }, ends = slot.endTime }
      ends = slot.endTime
    elseif group and #group.ids < LARGEST_GROUP then
      group.ids[#group.ids + 1] = slot.id
      ends = slot.endTime > ends and slot.endTime or ends
      group.ends = ends
    end
  end
  return groups
end

-- `n` groups of overlapping slots, each group of one provider and apart from all others in time.
function clinic:take_overlapping(n)
  local taken = {}
  for _, provider in ipairs(self:providers()) do
    local slots = #taken < n and self:slots_of(provider) or {}
    for _, group in ipairs(groups_of(slots, self.used[provider] or "")) do
      if #group.ids >= LEAST_GROUP and #taken < n then
        taken[#taken + 1] = group.ids
        self.used[provider] = group.ends
      end
    end
  end
  if #taken < n then error(("the demo clinic has only %d groups of overlapping slots"):format(#taken), 2) end
  return taken
end

-- A file of slots for hammer: one line for each element, an id or a list of ids.
function clinic.slot_file(rounds)
  local lines = {}
  for i, round in ipairs(rounds) do lines[i] = type(round) == "table" and table.concat(round, " ") or round end
  return temp.file("slots", table.concat(lines, "\n") .. "\n")
end

-- Seconds until /readyz is green and a search works again. Each worker finds its own way back to the
-- database, so that the first search may still meet one that has not.
function clinic:await_service(since)
  self.server:await_ready(60)
  eventually(function() return get(self, self:search(1)) end, { within = 60, what = "a search to work" })
  return native.now() - since
end

clinic.start, clinic.FIELDS = start, FIELDS
return clinic
