-- A random walk of providers along their workflow, over HTTP and by whoever writes SQL beside the server, against a
-- small model of it that shares no line with lua/: the same outcome of every step.

local eventually = require "support.eventually"
local http = require "support.http"
local json = require "cjson"
local psql = require "support.psql"

local walk = {}

-- ---- the model ----

-- Who may take a step, and where it leads from where. "back": to the state before the suspension.
local STEPS <const> = {
  approve = { who = "admin", PENDING_APPROVAL = "APPROVED" },
  reject = { who = "admin", PENDING_APPROVAL = "REJECTED" },
  reset = { who = "admin", REJECTED = "PENDING_APPROVAL", CANCELLED = "PENDING_APPROVAL" },
  ["start-trial"] = { who = "owner", APPROVED = "TRIAL" },
  activate = { who = "admin", TRIAL = "ACTIVE", TRIAL_EXPIRED = "ACTIVE" },
  suspend = { who = "admin", APPROVED = "SUSPENDED", TRIAL = "SUSPENDED", TRIAL_EXPIRED = "SUSPENDED",
              ACTIVE = "SUSPENDED", PAYMENT_OVERDUE = "SUSPENDED" },
  reinstate = { who = "admin", SUSPENDED = "back" },
  cancel = { who = "owner", PENDING_APPROVAL = "CANCELLED", APPROVED = "CANCELLED", TRIAL = "CANCELLED",
             TRIAL_EXPIRED = "CANCELLED", ACTIVE = "CANCELLED", PAYMENT_OVERDUE = "CANCELLED",
             SUSPENDED = "CANCELLED" },
}
-- What only the server does, and SQL may.
local OTHERS <const> = { ["TRIAL TRIAL_EXPIRED"] = true, ["ACTIVE PAYMENT_OVERDUE"] = true,
                         ["PAYMENT_OVERDUE ACTIVE"] = true }
local NAMES <const> = { "approve", "reject", "reset", "start-trial", "activate", "suspend", "reinstate", "cancel" }
local STATES <const> = { "PENDING_APPROVAL", "REJECTED", "APPROVED", "TRIAL", "TRIAL_EXPIRED", "ACTIVE",
                         "PAYMENT_OVERDUE", "SUSPENDED", "CANCELLED" }
local NEEDS_REASON <const> = { reject = true, suspend = true }

-- Where a step would lead the provider m; nil: nowhere.
local function target_of(m, name)
  local to = STEPS[name][m.status]
  if to == "back" then
    to = m.before == "TRIAL" and m.is_over and "TRIAL_EXPIRED" or m.before
  end
  return to
end

local function go(m, to)
  m.before = to == "SUSPENDED" and m.status or nil
  m.status = to
end

-- The steps that may be taken, as answers name them.
local function allowed(m, who)
  local list = {}
  for _, name in ipairs(NAMES) do
    if STEPS[name].who == who and STEPS[name][m.status] then list[#list + 1] = name:gsub("-", "_") end
  end
  table.sort(list)
  return table.concat(list, " ")
end

-- What becomes of a step: "200 STATUS" or "status code", and the steps that a refusal offers.
local function take(m, who, name, is_stale)
  if who == "nobody" then return "401 authentication_required" end
  if who == "stranger" then return "404 not_found" end
  if who ~= STEPS[name].who then return "403 not_allowed" end
  if is_stale then return "412 version_mismatch" end
  local to = target_of(m, name)
  if not to then
    local ends = {}
    for _, state in ipairs(STATES) do ends[STEPS[name][state] or ""] = true end
    return "409 " .. (ends[m.status] and "already_" .. m.status:lower() or "transition_not_allowed"), allowed(m, who)
  end
  if name == "start-trial" then
    if m.had_trial then return "409 trial_used", (allowed(m, who):gsub("start_trial", ""):gsub("^ *(.-) *$", "%1")) end
    m.had_trial, m.runs = true, true
  elseif name == "approve" and m.is_incomplete then
    return "409 requirements_incomplete"
  elseif m.runs and (name == "activate" or name == "cancel") then
    m.runs, m.is_over = false, true
  end
  go(m, to)
  m.moves = m.moves + 1
  return "200 " .. to
end

-- Whether the database lets through that SQL makes it this.
local function write(m, to)
  local from, is_edge = m.status, OTHERS[m.status .. " " .. to]
  for _, step in pairs(STEPS) do is_edge = is_edge or step[from] == to end
  if from == "SUSPENDED" and to ~= "CANCELLED" then
    is_edge = to == m.before or m.before == "TRIAL" and to == "TRIAL_EXPIRED"
  end
  if from == to then return true end
  if is_edge then go(m, to) end
  return is_edge or false
end

-- ---- the walk ----

local function note(self, text, ...)
  local list = table.pack(...)
  for i = 1, list.n do list[i] = tostring(list[i]) end
  self.faults[#self.faults + 1] = ("step %d: "):format(self.at) .. text:format(table.unpack(list))
end

local PEOPLE <const> = [[
INSERT INTO "ProviderType" ("id", "name") VALUES ('bare', 'Asks nothing'), ('strict', 'Asks something');
INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId", "isRequired")
VALUES ('licence', 'Licence', 'BOOLEAN', 'strict', true);
INSERT INTO "User" ("id", "role") VALUES ('walk-admin', 'ADMIN'), ('walk-stranger', 'USER');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt")
VALUES ('walk-admin', encode(sha256('walk-admin'), 'hex'), '2100-01-01'),
       ('walk-stranger', encode(sha256('walk-stranger'), 'hex'), '2100-01-01')]]
local PROVIDER <const> = [[
INSERT INTO "User" ("id") VALUES ('$u');
INSERT INTO "Session" ("userId", "tokenHash", "expiresAt") VALUES ('$u', encode(sha256('$u'), 'hex'), '2100-01-01');
INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('$p', 'Dr Walk', '$u', '');
INSERT INTO "ProviderTypeAssignment" ("providerId", "providerTypeId") VALUES ('$p', '$t')]]

-- Every fifth lacks what the law asks.
local function make_providers(url, n)
  local list, statements = {}, { PEOPLE }
  for i = 1, n do
    local m = { id = "walk-p" .. i, owner = "walk-u" .. i, status = "PENDING_APPROVAL", moves = 0,
                is_incomplete = i % 5 == 0 }
    statements[i + 1] = PROVIDER:gsub("%$(%l)", { u = m.owner, p = m.id, t = m.is_incomplete and "strict" or "bare" })
    list[i] = m
  end
  psql.run(url, table.concat(statements, ";\n"))
  return list
end

local function token_of(m, who)
  return who == "owner" and m.owner or who ~= "nobody" and "walk-" .. who or nil
end

local function ask(self, m, who, name, headers)
  local token = token_of(m, who)
  headers.Authorization = token and "Bearer " .. token or nil
  headers["Content-Type"] = "application/json"
  assert(self.connection:send(http.format("POST", ("/v1/providers/%s/%s"):format(m.id, name), {
    headers = headers, body = NEEDS_REASON[name] and '{"reason":"for the walk"}' or "{}",
  })))
  local r = assert(self.connection:read "POST")
  local body = json.decode(r.body)
  local offered = body.allowed
  if offered then table.sort(offered) end
  return ("%d %s"):format(r.status, r.status == 200 and body.status or body.code),
    offered and table.concat(offered, " ") or nil, r.body
end

local function pick(list) return list[math.random(#list)] end

-- Who takes which step: anybody any, or, so that the walk comes far, one that leads somewhere.
local function choose(m)
  local possible = {}
  for _, name in ipairs(NAMES) do
    local is_likely = name ~= "cancel" or math.random(4) == 1 -- it ends so much
    if STEPS[name][m.status] and is_likely then possible[#possible + 1] = name end
  end
  if #possible == 0 or math.random(5) <= 2 then
    return pick { "admin", "admin", "owner", "owner", "stranger", "nobody" }, pick(NAMES)
  end
  local name = pick(possible)
  return STEPS[name].who, name
end

-- A step over HTTP.
local function step(self, m)
  local who, name = choose(m)
  local is_stale = math.random(25) == 1
  self.keys = self.keys + 1
  local headers = { ["If-Match"] = is_stale and '"999999"' or nil, ["Idempotency-Key"] = "walk-" .. self.keys }
  local was = m.status
  local expected, offered = take(m, who, name, is_stale)
  local found, found_offered, body = ask(self, m, who, name, headers)
  if expected ~= found or offered ~= found_offered then
    self:fault("%s %s by the %s from %s: %s (%s), not %s (%s)", name, m.id, who, was, found, found_offered, expected,
      offered)
  end
  self.outcomes[found:match "^%d+"] = (self.outcomes[found:match "^%d+"] or 0) + 1
  if found:match "^200" and math.random(5) == 1 then
    local again, _, same = ask(self, m, who, name, headers)
    if again ~= found or same ~= body then self:fault("%s %s again: %s, not %s", name, m.id, again, found) end
  end
end

-- Somebody writes the status beside the server.
local function sql(self, m)
  local to, was = pick(STATES), m.status
  local why = psql.refusal(self.url, ([[UPDATE "Provider" SET "status" = '%s' WHERE "id" = '%s']]):format(to, m.id))
  local is_allowed = write(m, to)
  if is_allowed ~= (why == nil) then self:fault("SQL %s from %s to %s: %s", m.id, was, to, why or "let through") end
  self.outcomes.sql = (self.outcomes.sql or 0) + 1
end

-- The time of a trial is over, if one runs, and the job has seen it.
local function time_passes(self)
  local m
  for _, it in ipairs(self.providers) do
    if it.runs and (it.status == "TRIAL" or it.before == "TRIAL") then m = it end
  end
  if not m then return end
  psql.run(self.url, ([[UPDATE "Provider" SET "trialEnded" = mb_now() WHERE "id" = '%s']]):format(m.id))
  local job = psql.value(self.url, [[INSERT INTO "Job" ("kind", "maxAttempts") VALUES ('providers.trials', 1)
    RETURNING "id"]])
  eventually(function()
    return psql.value(self.url, ([[SELECT "status" FROM "Job" WHERE "id" = '%s']]):format(job)) == "DONE"
  end, { what = "the job of trials" })
  m.runs, m.is_over = false, true
  if m.status == "TRIAL" then
    m.status, m.moves = "TRIAL_EXPIRED", m.moves + 1
  else
    m.before = "TRIAL_EXPIRED"
  end
  self.outcomes.expired = (self.outcomes.expired or 0) + 1
end

-- What is stored is what the model holds: status, the one before a suspension, and a row of history for each step.
local function compare(self)
  local found = {}
  for _, row in ipairs(psql.query(self.url, [[SELECT p."id", concat_ws(' ', p."status",
      coalesce(p."suspendedFrom"::text, '-'),
      (SELECT count(*) FROM "StatusHistory" h WHERE h."resource" = 'Provider' AND h."resourceId" = p."id"),
      (SELECT count(*) FROM "AuditLog" a WHERE a."resourceId" = p."id" AND a."metadata" ? 'from')) AS stored
      FROM "Provider" p]])) do
    found[row.id] = row.stored
  end
  for _, m in ipairs(self.providers) do
    local expected = ("%s %s %d %d"):format(m.status, m.before or "-", m.moves, m.moves)
    if found[m.id] ~= expected then self:fault("%s is stored as %s, not as %s", m.id, found[m.id], expected) end
  end
end

-- site: a server of support/server.lua on an empty schema, url: of its database. size: { steps, providers, seed }.
-- -> { faults, steps, outcomes = by status of answers, and sql, expired }
function walk.run(site, url, size)
  math.randomseed(size.seed)
  local self = { url = url, providers = make_providers(url, size.providers), connection = site:connect { timeout = 30 },
                 faults = {}, outcomes = {}, keys = 0, at = 0, fault = note }
  while self.at < size.steps and #self.faults < 10 do
    self.at = self.at + 1
    local m, dice = pick(self.providers), math.random(100)
    if dice <= 6 then
      sql(self, m)
    elseif dice <= 10 then
      time_passes(self)
    else
      step(self, m)
    end
    if self.at % 100 == 0 then compare(self) end
  end
  compare(self)
  self.connection:close()
  return { faults = self.faults, steps = self.at, outcomes = self.outcomes }
end

return walk
