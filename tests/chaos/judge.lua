-- Compares what hammer was told with what the database holds. A call is named by its
-- Idempotency-Key, which is also the name of the guest, so that a row is tied to its call even when
-- its answer never arrived.

local cjson = require "cjson"

local kinds <const> = { "lost", "doubled", "differing", "denied", "unasked", "revived", "vanished" }

-- Takes what the file has gained: calls[key] = { op, what, answers = { { status, body } } }. The last
-- line may be half written; it is left for the next time.
local function read_more(file, calls)
  local at = file:seek()
  for line in file:lines "L" do
    if line:sub(-1) ~= "\n" then
      file:seek("set", at)
      return
    end
    at = at + #line
    local event = cjson.decode(line)
    local call = calls[event.key]
    if not call then
      call = { op = event.op, what = event.what, answers = {} }
      calls[event.key] = call
    end
    if event.event == "answered" then call.answers[#call.answers + 1] = { status = event.status, body = event.body } end
  end
end

-- The calls of a finished history file.
local function read_history(path)
  local file <close> = assert(io.open(path))
  local calls = {}
  read_more(file, calls)
  return calls
end

-- The successful answers of a call; and whether two of them differ.
local function successes(call)
  local list, differ = {}, false
  for _, answer in ipairs(call.answers) do
    if answer.status == 200 or answer.status == 201 then
      list[#list + 1] = answer
      differ = differ or answer.body ~= list[1].body
    end
  end
  return list, differ
end

local function rows_by_guest(clinic, prefix)
  local by_guest = {}
  for _, row in ipairs(clinic:query(('SELECT id, "guestName", status, "slotId" FROM "Booking"'
    .. " WHERE \"guestName\" LIKE '%s%%'"):format(prefix))) do
    local rows = by_guest[row.guestName] or {}
    rows[#rows + 1] = row
    by_guest[row.guestName] = rows
  end
  return by_guest
end

local function judge_booking(key, call, rows, note)
  local made, differ = successes(call)
  local last = call.answers[#call.answers]
  if differ then note("differing", key) end
  if #rows > 1 then note("doubled", key) end
  if made[1] then
    local body = cjson.decode(made[1].body)
    if not rows[1] or rows[1].id ~= body.id then note("lost", key) end
    return body.id
  end
  -- A refusal is an answer too: it must not hide a booking.
  if rows[1] and last and last.status >= 400 and last.status < 500 and last.status ~= 429 then
    note("denied", key)
  end
end

local function note_cancels(calls, outcome)
  for _, call in pairs(calls) do
    if call.op == "cancel" then
      outcome.tried[call.what] = true
      if #successes(call) > 0 then outcome.acknowledged[call.what] = true end
    end
  end
end

local function judge_status(row, cancels, note)
  local is_cancelled = row.status == "CANCELLED"
  if cancels.acknowledged[row.id] and not is_cancelled then note("revived", row.guestName) end
  if is_cancelled and not cancels.tried[row.id] then note("vanished", row.guestName) end
end

local function compare_calls(calls, by_guest, verdict, note)
  for key, call in pairs(calls) do
    if call.op == "book" and judge_booking(key, call, by_guest[key] or {}, note) then
      verdict.acknowledged = verdict.acknowledged + 1
    end
  end
end

local function compare_rows(calls, by_guest, verdict, note)
  local cancels = { tried = {}, acknowledged = {} }
  note_cancels(calls, cancels)
  for guest, rows in pairs(by_guest) do
    if not calls[guest] then note("unasked", guest) end
    for _, row in ipairs(rows) do
      verdict.rows = verdict.rows + 1
      judge_status(row, cancels, note)
    end
  end
end

local witness = {}
witness.__index = witness

-- Watches a history; prefix: what the keys of its calls begin with.
local function watch(path, prefix)
  return setmetatable({ path = path, prefix = prefix, calls = {} }, witness)
end

-- What is wrong, as counts and the first keys of each kind; all zero when nothing is:
-- lost (acknowledged and not there), doubled (one call, two rows), differing (one call, two
-- answers), denied (refused and yet booked), unasked (a row without a call), revived (cancelled, and
-- yet live), vanished (cancelled though nobody asked). `acknowledged` counts bookings. The history
-- is read before the rows: while its writer still runs (`is_live`), rows can be newer than the
-- history, and unasked and vanished mean nothing.
function witness:compare(clinic, is_live)
  self.file = self.file or assert(io.open(self.path))
  read_more(self.file, self.calls)
  local by_guest = rows_by_guest(clinic, self.prefix)
  local verdict = { acknowledged = 0, rows = 0, examples = {} }
  for _, kind in ipairs(kinds) do verdict[kind] = 0 end
  local function note(kind, key)
    if is_live and (kind == "unasked" or kind == "vanished") then return end
    verdict[kind] = verdict[kind] + 1
    if #verdict.examples < 20 then verdict.examples[#verdict.examples + 1] = kind .. " " .. key end
  end
  compare_calls(self.calls, by_guest, verdict, note)
  compare_rows(self.calls, by_guest, verdict, note)
  return verdict
end

-- One line for each thing that is wrong with a verdict; empty when nothing is.
local function faults(verdict)
  local lines = {}
  for _, kind in ipairs(kinds) do
    if verdict[kind] > 0 then lines[#lines + 1] = ("%d bookings %s"):format(verdict[kind], kind) end
  end
  if #lines > 0 then lines[#lines + 1] = table.concat(verdict.examples, ", ") end
  return lines
end

return { watch = watch, faults = faults, read_history = read_history, successes = successes }
