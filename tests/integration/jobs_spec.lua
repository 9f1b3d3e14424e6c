-- Jobs as scripts declare them: run, repeated, given up, taken over, scheduled; events of the outbox; and
-- what an operator can do about them. The jobs are those of tests/fixtures/jobs.

local eventually = require "support.eventually"
local fixture = require "support.jobs"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"

local HOLDER <const> = "query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"

describe("a job", function()
  local app, database, dir

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  -- Adds a job past the server and returns its id.
  local function add(kind, payload, most)
    return value([[INSERT INTO "Job" ("kind", "payload", "maxAttempts") VALUES ('%s', '%s', %d) RETURNING "id"]],
      kind, payload or "{}", most or 3)
  end

  local function status(id) return value([[SELECT "status" FROM "Job" WHERE "id" = '%s']], id) end

  local function last_error(id) return value([[SELECT "lastError" FROM "Job" WHERE "id" = '%s']], id) end

  local function becomes(id, wanted)
    eventually(function() return status(id) == wanted end,
      { what = ("job %s to be %s, not %s"):format(id, wanted, tostring(status(id))) })
  end

  local function runs(id) return tonumber(value("SELECT count(*) FROM ran WHERE job = '%s'", id)) end

  local function metric(outcome)
    return app:figure(('medbookd_jobs_total{outcome="%s"}'):format(outcome))
  end

  local function jobs(...) return app:command("jobs", ...) end

  setup(function()
    database, dir = fixture.database(), fixture.home()
    app = fixture.start(database, dir)
  end)
  after_each(function() assert.same({}, database.query(paths.read "tests/invariants.sql")) end)

  it("that a route adds runs once", function()
    local before = metric "done"
    local r = app:post("/test/jobs", '{"kind":"test.note","word":"hello"}',
      { headers = { ["Content-Type"] = "application/json" } })
    assert.equal(200, r.status, r.body)
    becomes(r.json.id, "DONE")
    assert.equal("1 hello", value("SELECT count(*) || ' ' || max(word) FROM ran WHERE job = '%s'", r.json.id))
    assert.is_true(metric "done" > before)
  end)

  it("is added and undone with the transaction that adds it", function()
    local headers = { ["Content-Type"] = "application/json" }
    assert.equal(500, app:post("/test/jobs/undone", '{"kind":"test.note","word":"undone"}',
      { headers = headers }).status)
    local r = app:post("/test/jobs/kept", '{"kind":"test.note","word":"kept"}', { headers = headers })
    becomes(r.json.id, "DONE")
    assert.equal("0", value [[SELECT count(*) FROM "Job" WHERE "payload" ->> 'word' = 'undone']])
  end)

  it("of an unknown kind is refused where it is added", function()
    local r = app:post("/test/jobs", '{"kind":"test.nte"}', { headers = { ["Content-Type"] = "application/json" } })
    assert.equal(500, r.status)
    app:await_log "there is no job 'test.nte' (did you mean 'test.note'?)"
  end)

  it("with the key of a living one is not added, and is when that has ended", function()
    local headers = { ["Content-Type"] = "application/json" }
    local body = '{"kind":"test.note","key":"k","after":"1h"}'
    local first = app:post("/test/jobs", body, { headers = headers }).json.id
    assert.is_string(first)
    assert.is_not_string(app:post("/test/jobs", body, { headers = headers }).json.id)
    assert.equal("1", value [[SELECT count(*) FROM "Job" WHERE "key" = 'k']])
    assert.equal(0, jobs("cancel", first).code)
    assert.is_string(app:post("/test/jobs", body, { headers = headers }).json.id)
    local r = jobs("retry", first)
    assert.equal(1, r.code)
    assert.matches("another job with this kind and key is waiting or running already", r.err, 1, true)
  end)

  it("that fails is repeated until it succeeds", function()
    local id = add("test.fail", '{"succeeds_at": 3}')
    becomes(id, "DONE")
    assert.equal(3, runs(id))
    assert.is_nil(last_error(id))
  end)

  it("that always fails is dead after its last attempt, and says where", function()
    local id = add "test.fail"
    becomes(id, "DEAD")
    assert.equal(3, runs(id))
    assert.equal("jobs/test_fail.lua:14: no luck", last_error(id))
    local other = add("test.fail", '{"problem": true}')
    becomes(other, "DEAD")
    assert.equal("jobs/test_fail.lua:11: no_luck: not today", last_error(other))
  end)

  it("may fail for a reason that is no error of a script: then it is repeated, and the log says why", function()
    local id = add "test.refuse"
    becomes(id, "DEAD")
    assert.equal(3, runs(id))
    assert.equal("not yet", last_error(id))
    eventually(function()
      return #app:log_lines(function(l) return l.job == id and l.msg == "a job failed and is repeated" end) == 2
    end, { what = "two lines of the log" })
    app:await_line(function(l) return l.job == id and l.msg == "a job is dead" end)
    assert.equal(0, #app:log_lines(function(l) return l.job == id and l.msg == "script error" end))
  end)

  it("that gives up is dead at once, until an operator retries it", function()
    local id = add("test.refuse", '{"for_good": true}')
    becomes(id, "DEAD")
    assert.equal(1, runs(id))
    assert.equal("never", last_error(id))
    assert.equal("true", value([[SELECT ("finishedAt" IS NOT NULL)::text FROM "Job" WHERE "id" = '%s']], id))
    assert.equal(0, jobs("retry", id).code)
    eventually(function() return runs(id) == 2 and status(id) == "DEAD" end, { what = "another attempt" })
  end)

  it("may fail with any bytes", function()
    local id = add("test.fail", '{"bytes": true}')
    becomes(id, "DEAD")
    assert.equal("jobs/test_fail.lua:14: ???", last_error(id))
  end)

  it("that loops is ended by its processor time, and repeated", function()
    local id = add "test.loop"
    becomes(id, "DONE")
    assert.equal("2", value("SELECT attempt FROM ran WHERE job = '%s'", id))
    assert.equal(1, #app:log_lines(function(line)
      return line.job == id and (line.error or ""):find("^jobs/test_loop.lua:8: .*worker.script_cpu")
    end))
  end)

  it("that ends in its own transaction is done exactly when that is committed", function()
    local lost, id = metric "lost", add "test.once"
    becomes(id, "DONE")
    eventually(function() return #app:log_lines(function(line) return line.job == id end) == 2 end)
    assert.equal(lost, metric "lost")
    assert.equal("2", value("SELECT string_agg(attempt::text, ' ') FROM ran WHERE job = '%s'", id))
  end)

  it("whose process is killed is taken over when its lease ends", function()
    local id = add "test.hold"
    eventually(function() return runs(id) == 1 end)
    local owner = value([[SELECT "leaseOwner" FROM "Job" WHERE "id" = '%s']], id)
    app:signal("KILL", app:jobs())
    becomes(id, "DONE")
    assert.is_truthy(owner)
    assert.equal("1 begun 2 begun 2 ended",
      value("SELECT string_agg(attempt || ' ' || word, ' ' ORDER BY at) FROM ran WHERE job = '%s'", id))
    assert.equal("t", value([[SELECT (SELECT min(at) FROM ran WHERE job = j."id" AND attempt = 2)
      >= (SELECT min(at) FROM ran WHERE job = j."id") + interval '4 s' - interval '100 ms'
      FROM "Job" j WHERE j."id" = '%s']], id))
  end)

  it("goes on with its scripts when they are replaced, and the next one has the new ones", function()
    local id = add("test.hold", '{"seconds": 1.5}')
    eventually(function() return runs(id) == 1 end)
    local file = dir .. "/lua/jobs/test_hold.lua"
    local text = paths.read(file)
    paths.write(file, (text:gsub('"ended"', '"ended anew"')))
    finally(function() paths.write(file, text) end)
    assert.equal(0, app:command("reload").code)
    local other = add("test.hold", '{"seconds": 0}')
    becomes(other, "DONE")
    becomes(id, "DONE")
    assert.equal("begun ended", value("SELECT string_agg(word, ' ' ORDER BY at) FROM ran WHERE job = '%s'", id))
    assert.equal("begun ended anew", value("SELECT string_agg(word, ' ' ORDER BY at) FROM ran WHERE job = '%s'", other))
  end)

  it("that waits longer than three quarters of its lease is ended before anybody else takes it", function()
    local id = add("test.hold", '{"always": true}', 1)
    becomes(id, "DEAD")
    assert.equal(1, runs(id))
    assert.matches("^jobs/test_hold.lua:10: request_timeout: ", last_error(id))
  end)

  it("whose last process did not come back is dead", function()
    local id = value [[INSERT INTO "Job" ("kind", "maxAttempts", "attempts", "status", "leaseOwner", "leaseUntil")
      VALUES ('test.note', 3, 3, 'RUNNING', 'nobody', mb_now() - interval '1 s') RETURNING "id"]]
    becomes(id, "DEAD")
    assert.equal(0, runs(id))
    assert.matches("^its lease ended", last_error(id))
  end)

  it("that waits shows in the metrics, also when no script here runs its kind", function()
    local id = value [[INSERT INTO "Job" ("kind", "maxAttempts", "runAt")
      VALUES ('test.unknown', 1, mb_now() - interval '1 h') RETURNING "id"]]
    eventually(function()
      local text = app:admin("/metrics").body
      return tonumber(text:match "\nmedbookd_jobs_waiting ([%d.]+)") >= 1
        and tonumber(text:match "\nmedbookd_jobs_oldest_seconds ([%d.]+)") >= 3600
    end)
    assert.equal(0, jobs("cancel", id).code)
    assert.equal("CANCELLED", status(id))
  end)

  it("with a schedule runs at each of its times, and once", function()
    eventually(function()
      return tonumber(value "SELECT count(*) FROM ran WHERE kind = 'test.tick'") >= 3
    end)
    assert.equal("schedule", value "SELECT DISTINCT word FROM ran WHERE kind = 'test.tick'")
    assert.equal("0", value [[SELECT count(*) FROM (SELECT date_trunc('second', "createdAt") FROM "Job"
      WHERE "kind" = 'test.tick' GROUP BY 1 HAVING count(*) > 1) x]])
  end)

  describe("of the outbox", function()
    local function tell(id)
      database.run(([[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
        VALUES ('booking.created', 'Test', '%s', '{}'), ('booking.moved', 'Test', '%s', '{}')]]):format(id, id))
    end

    local function last_run() return value [[SELECT "lastRunAt" FROM "JobSchedule" WHERE "kind" = 'test.tick']] end

    local function heard(id)
      return tonumber(value("SELECT count(*) FROM ran WHERE word = 'booking.created %s'", id))
    end

    setup(function()
      eventually(function() return value [[SELECT 1 FROM "OutboxCursor" WHERE "subscriber" = 'test.heard']] end)
    end)

    it("hears each event that it asked for once, and none of before", function()
      for i = 1, 30 do tell("e" .. i) end
      eventually(function() return heard "e30" == 1 end)
      eventually(function()
        return value "SELECT count(*) || ' ' || count(DISTINCT word) FROM ran WHERE kind = 'test.heard'" == "30 30"
      end)
      assert.equal("0", value "SELECT count(*) FROM ran WHERE word LIKE '%%booking.moved%%'")
    end)

    it("does not miss one that is committed after a later one", function()
      local function count(what)
        return value("SELECT count(*) FROM pg_stat_activity WHERE %s AND datname = current_database()", what)
      end
      process.start { "psql", "-qX", database.url, "-c", "SELECT pg_advisory_lock(7)", "-c", "SELECT pg_sleep(600)" }
      eventually(function() return count(HOLDER) == "1" end)
      local late = process.start { "psql", "-qX", database.url, "-c", "BEGIN", "-c",
        [[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
          VALUES ('booking.created', 'Test', 'late', '{}')]], "-c", "SELECT pg_advisory_lock(7)", "-c", "COMMIT" }
      eventually(function() return count "wait_event = 'advisory'" == "1" end)
      tell "early"
      for _ = 1, 2 do -- a turn lies between the first and the second
        local last = last_run()
        eventually(function() return last_run() ~= last end)
      end
      assert.equal(0, heard "early")
      value([[SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE %s]], HOLDER)
      assert.same({ "exit", 0 }, { late:wait(10) })
      eventually(function() return heard "early" == 1 and heard "late" == 1 end)
    end)
  end)

  describe("on the command line", function()
    it("is listed and shown", function()
      local id = add("test.fail", '{"word": "look"}')
      becomes(id, "DEAD")
      local r = jobs("list", "--status", "DEAD", "--kind", "test.fail", "--limit", "1")
      assert.equal(0, r.code, r.err)
      assert.matches("^" .. id .. " DEAD%s+test.fail at %S+ attempt 3/3: jobs/test_fail.lua:14: no luck\n$", r.out)
      assert.matches('payload%s+{"word": "look"}', jobs("show", id).out)
    end)

    it("is tried again, with all its attempts", function()
      local id = add "test.fail"
      becomes(id, "DEAD")
      local before = runs(id)
      local r = jobs("retry", id)
      assert.equal(("job %s: PENDING, was DEAD\n"):format(id), r.out)
      becomes(id, "DEAD")
      eventually(function() return runs(id) == before + 3 end)
    end)

    it("is cancelled while it waits, and not when it runs or has ended", function()
      local waits = value [[INSERT INTO "Job" ("kind", "runAt", "maxAttempts")
        VALUES ('test.note', '2100-01-01', 1) RETURNING "id"]]
      assert.equal(("job %s: CANCELLED, was PENDING\n"):format(waits), jobs("cancel", waits).out)
      assert.equal("CANCELLED", status(waits))
      local running = value [[INSERT INTO "Job"
        ("kind", "maxAttempts", "attempts", "status", "leaseOwner", "leaseUntil")
        VALUES ('test.note', 3, 1, 'RUNNING', 'somebody', '2100-01-01') RETURNING "id"]]
      for _, verb in ipairs { "cancel", "retry" } do
        local r = jobs(verb, running)
        assert.equal(1, r.code)
        assert.matches(("job %s is RUNNING and cannot be"):format(running), r.err, 1, true)
      end
      assert.equal("RUNNING", status(running))
    end)

    it("is named clearly when it is none, and so is what was not understood", function()
      for _, case in ipairs {
        { { "show", "nope" }, 1, "there is no job nope" }, { { "cancel", "nope" }, 1, "there is no job nope" },
        { { "list", "--status", "GONE" }, 1, 'there is no status "GONE"' },
        { { "list", "--limit", "0" }, 64, "--limit is a number from 1 to 1000" },
        { { "retry" }, 64, "the id of a job must follow" }, { {}, 64, "say list, show, retry or cancel" },
        { { "sweep" }, 64, 'list, show, retry or cancel, not "sweep"' },
        { { "show", "x", "--kind", "y" }, 64, "options of list do not go with" },
      } do
        local r = jobs(table.unpack(case[1]))
        assert.equal(case[2], r.code, table.concat(case[1], " "))
        assert.matches(case[3], r.err, 1, true)
      end
    end)
  end)
end)
