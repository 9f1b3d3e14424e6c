-- Races: same slot, overlapping slots, storms, one key for all. Each campaign returns the numbers it
-- saw and `faults`, a list of texts that is empty when everything held.

local clinics = require "chaos.clinic"
local judge = require "chaos.judge"
local temp = require "support.temp"
local tools = require "chaos.tools"

local function add_invariants(clinic, faults)
  local broken = clinic:broken()
  if broken then faults[#faults + 1] = "broken invariants:\n" .. broken end
end

-- Anything but 201 and 409 with one of these codes is a fault.
local function judge_answers(summary, codes, faults)
  for status, n in pairs(summary.status) do
    if status ~= "201" and status ~= "409" then faults[#faults + 1] = n .. " answers of status " .. status end
  end
  for code, n in pairs(summary.codes) do
    if not codes[code] then faults[#faults + 1] = n .. " refusals with code " .. code end
  end
  for why, n in pairs(summary.lost) do faults[#faults + 1] = n .. " connections lost: " .. why end
end

-- All clients book one slot at once, another slot each round: exactly one wins.
local function same_slot(clinic, size)
  local summary = tools.hammer("race", clinic.port, {
    clients = size.clients, seed = size.seed, label = "same", fields = clinics.FIELDS,
    slots = clinic.slot_file(clinic:take_slots(size.rounds)),
  })
  local faults = {}
  for winners, rounds in pairs(summary.winners) do
    if winners ~= "1" then faults[#faults + 1] = ("%d rounds with %s winners"):format(rounds, winners) end
  end
  judge_answers(summary, { slot_taken = true }, faults)
  add_invariants(clinic, faults)
  return { rounds = summary.rounds, single = summary.winners["1"] or 0, latency_ms = summary.latency_ms,
           status = summary.status, faults = faults }
end

-- Bookings that were acknowledged though they overlap another one of the same provider.
local function overlaps(clinic, history)
  local won, found = {}, {}
  for _, call in pairs(judge.read_history(history)) do
    if #judge.successes(call) > 0 then won[#won + 1] = clinic.slots_by_id[call.what] end
  end
  for i, a in ipairs(won) do
    for j = i + 1, #won do
      local b = won[j]
      if a.provider == b.provider and a.startTime < b.endTime and b.startTime < a.endTime then
        found[#found + 1] = ("%s and %s were both acknowledged and overlap"):format(a.id, b.id)
      end
    end
  end
  return found, #won
end

-- The clients spread over slots of one provider that overlap: no two overlapping ones are won.
local function overlapping(clinic, size)
  local history = temp.dir() .. "/history"
  local summary = tools.hammer("race", clinic.port, {
    clients = size.clients, seed = size.seed, label = "overlap", fields = clinics.FIELDS, history = history,
    slots = clinic.slot_file(clinic:take_overlapping(size.rounds)),
  })
  local faults, won = overlaps(clinic, history)
  if (summary.winners["0"] or 0) > 0 then faults[#faults + 1] = summary.winners["0"] .. " rounds that nobody won" end
  judge_answers(summary, { slot_taken = true, slot_overlapped = true }, faults)
  add_invariants(clinic, faults)
  return { rounds = summary.rounds, won = won, latency_ms = summary.latency_ms, status = summary.status,
           faults = faults }
end

local function counts_text(counts)
  local words = {}
  for word, n in pairs(counts) do words[#words + 1] = ("%s=%d"):format(word, n) end
  table.sort(words)
  return table.concat(words, " ")
end

-- Clients book, cancel and book again on few slots, many of which overlap.
local function storm(clinic, size)
  local history = temp.dir() .. "/history"
  local summary = tools.hammer("storm", clinic.port, {
    clients = size.clients, seed = size.seed, operations = size.operations, fields = clinics.FIELDS,
    history = history, slots = clinic.slot_file(clinic:take_overlapping(size.groups)),
    search = clinic:search(20),
  })
  local faults = judge.faults(judge.watch(history, ("storm-%d-"):format(size.seed)):compare(clinic))
  if summary.anomalies > 0 then faults[#faults + 1] = summary.anomalies .. " anomalies:\n" .. summary.complaints end
  if summary.unanswered > 0 then faults[#faults + 1] = summary.unanswered .. " calls without an answer" end
  if summary.rebooked == 0 then faults[#faults + 1] = "no cancelled slot could be booked again" end
  for status, n in pairs(summary.status) do
    if tonumber(status) >= 500 then
      faults[#faults + 1] = ("%d answers of status %s; codes: %s"):format(n, status, counts_text(summary.codes))
    end
  end
  add_invariants(clinic, faults)
  return { operations = summary.operations, booked = summary.booked, cancelled = summary.cancelled,
           rebooked = summary.rebooked, latency_ms = summary.latency_ms, status = summary.status, faults = faults }
end

-- Everyone sends the same booking with the same key: every success is the same bytes, and a refusal
-- says when to come again. Returns the body, to compare it with what a later run is told.
local function same_key(clinic, size)
  local faults, body = {}, nil
  local summary = tools.hammer("race", clinic.port, {
    clients = size.clients, key = size.key, fields = clinics.FIELDS, slots = clinic.slot_file { size.slot },
  })
  for _, answer in ipairs(summary.answers) do
    if answer.status == 201 and body and body ~= answer.body then
      faults[#faults + 1] = "two different answers:\n" .. body .. "\n" .. answer.body
    elseif answer.status == 201 then
      body = answer.body
    elseif answer.status ~= 409 or not answer.retryAfter then
      faults[#faults + 1] = ("%d answers of status %d: %s"):format(answer.n, answer.status, answer.body)
    end
  end
  local rows = clinic:query(('SELECT count(*) AS n FROM "Booking" WHERE "guestName" = \'%s\''):format(size.key))
  if rows[1].n ~= "1" then faults[#faults + 1] = rows[1].n .. " bookings for one key" end
  if not body then faults[#faults + 1] = "nobody succeeded" end
  return { body = body, status = summary.status, faults = faults }
end

return { same_slot = same_slot, overlapping = overlapping, storm = storm, same_key = same_key,
         add_invariants = add_invariants }
