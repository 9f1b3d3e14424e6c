-- The judge of the campaigns must see each kind of wrong: here it gets histories and rows that hold
-- exactly one.

local cjson = require "cjson"
local judge = require "chaos.judge"
local temp = require "support.temp"

-- A history of events, each { event, op, key, what, status, body }.
local function history(events)
  local lines = {}
  for i, e in ipairs(events) do
    lines[i] = cjson.encode { event = e[1], op = e[2], key = e[3], what = e[4], status = e[5], body = e[6] } .. "\n"
  end
  return temp.file("history", table.concat(lines))
end

-- What the judge says of these events and rows { id, guestName, status }.
local function verdict_of(events, rows, is_live)
  local named = {}
  for i, row in ipairs(rows) do named[i] = { id = row[1], guestName = row[2], status = row[3] } end
  local database = { query = function() return named end }
  local verdict = judge.watch(history(events), "k"):compare(database, is_live)
  local wrong = {}
  for _, kind in ipairs { "lost", "doubled", "differing", "denied", "unasked", "revived", "vanished" } do
    if verdict[kind] > 0 then wrong[kind] = verdict[kind] end
  end
  return wrong, verdict
end

local sent <const> = { "sent", "book", "k1", "s1" }
local booked <const> = { "answered", "book", "k1", "s1", 201, '{"id":"b1"}' }
local row <const> = { "b1", "k1", "CONFIRMED" }

describe("chaos.judge", function()
  it("finds nothing wrong when history and rows agree", function()
    local wrong, verdict = verdict_of({ sent, booked }, { row })
    assert.same({}, wrong)
    assert.equal(1, verdict.acknowledged)
  end)

  it("accepts a row whose call got no answer", function()
    assert.same({}, (verdict_of({ sent, { "lost", "book", "k1", "s1" } }, { row })))
  end)

  it("reports an acknowledged booking that is not there", function()
    assert.same({ lost = 1 }, (verdict_of({ sent, booked }, {})))
  end)

  it("reports two rows of one call", function()
    assert.same({ doubled = 1 }, (verdict_of({ sent, booked }, { row, { "b2", "k1", "CONFIRMED" } })))
  end)

  it("reports two different answers to one call", function()
    local other = { "answered", "book", "k1", "s1", 201, '{"id":"b1","x":1}' }
    assert.same({ differing = 1 }, (verdict_of({ sent, booked, sent, other }, { row })))
  end)

  it("reports a refused call that is booked nevertheless", function()
    local refused = { "answered", "book", "k1", "s1", 409, "{}" }
    assert.same({ denied = 1 }, (verdict_of({ sent, refused }, { row })))
  end)

  it("reports a row that nobody asked for", function()
    assert.same({ unasked = 1 }, (verdict_of({}, { row })))
  end)

  it("reports a cancelled booking that is live", function()
    local cancelled = { "answered", "cancel", "k2", "b1", 200, "{}" }
    assert.same({ revived = 1 }, (verdict_of({ sent, booked, cancelled }, { row })))
  end)

  it("reports a booking cancelled without a call", function()
    assert.same({ vanished = 1 }, (verdict_of({ sent, booked }, { { "b1", "k1", "CANCELLED" } })))
  end)

  it("does not hold rows newer than the history against a run under way", function()
    assert.same({}, (verdict_of({}, { row }, true)))
  end)

  it("leaves a half-written line for the next comparison", function()
    local path = history { sent, booked }
    local whole = assert(io.open(path)):read "a"
    local file = assert(io.open(path, "w"))
    file:write(whole:sub(1, -10))
    file:flush()
    local witness = judge.watch(path, "k")
    local database = { query = function() return {} end }
    assert.equal(0, witness:compare(database, true).acknowledged)
    file:write(whole:sub(-9))
    file:close()
    assert.equal(1, witness:compare(database, true).acknowledged)
  end)
end)
