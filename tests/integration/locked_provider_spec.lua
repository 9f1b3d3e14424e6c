-- One provider's bookings stand still, because somebody holds the provider's agenda: whoever looks
-- for other times must not notice.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local process = require "support.process"

local CONNECTIONS <const>, BOOKINGS <const> = 3, 12

local HOLDER <const> = "query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
local STUCK <const> = "application_name = 'medbookd' AND wait_event_type = 'Lock'"

describe("while one provider's agenda is locked", function()
  local clinic, database

  setup(function()
    database = cluster.fresh "demo"
    clinic = clinics.start {
      database = database, workers = 1,
      env = {
        MEDBOOKD_DATABASE_POOL_MAX = tostring(CONNECTIONS), MEDBOOKD_DATABASE_LOCK_TIMEOUT = "30s",
        MEDBOOKD_DATABASE_STATEMENT_TIMEOUT = "60s", MEDBOOKD_DATABASE_QUEUE_TIMEOUT = "60s",
      },
    }
  end)

  local function count(where)
    return tonumber(database.query(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND " .. where)[1].n)
  end

  it("answers searches, stays ready, and then answers every booking", function()
    local slots = clinic:take_slots(1)
    local provider = clinic.slots_by_id[slots[1]].providerId
    process.start { "psql", "-qX", clinic:url(), "-c", "BEGIN", "-c",
      ([[SELECT 1 FROM "ProviderAgenda" WHERE "providerId" = '%s' FOR UPDATE]]):format(provider),
      "-c", "SELECT pg_sleep(600)" }
    eventually(function() return count(HOLDER) == 1 end)
    local body = ('{"slotId":"%s","guestName":"Stuck","guestEmail":"stuck@example.org",%s}')
      :format(slots[1], clinics.FIELDS)
    local waiting = {}
    for i = 1, BOOKINGS do
      waiting[i] = process.start { "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H",
        "Content-Type: application/json", "-d", body, ("http://127.0.0.1:%d/v1/bookings"):format(clinic.port) }
    end
    eventually(function() return count(STUCK) == CONNECTIONS - 1 end,
      { what = "bookings to wait on every connection but one" })
    for _ = 1, 20 do
      assert.equal(200, clinic.server:get(clinic:search(1)).status)
      assert.equal(200, clinic.server:get("/v1/providers").status)
      assert.equal(200, clinic.server:get("/readyz").status)
    end
    assert.equal(CONNECTIONS - 1, count(STUCK))
    database.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " .. HOLDER)
    local answers = {}
    for i = 1, BOOKINGS do
      waiting[i]:wait(60)
      local status = waiting[i]:output()
      answers[status] = (answers[status] or 0) + 1
    end
    assert.same({ ["201"] = 1, ["409"] = BOOKINGS - 1 }, answers)
  end)
end)
