-- The statements of the jobs, one by one: when schedules are due, against a plain count; who may end a
-- job; what is cleaned up; and the server's own jobs.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local DAY <const>, ROUNDS <const> = 86400, 60

local CLOCK <const> = [[CREATE OR REPLACE FUNCTION mb_now() RETURNS timestamptz LANGUAGE sql VOLATILE
  AS $$SELECT %s$$;]]

-- name -> SQL of a module of lua/queries.
local function statements_of(module)
  local query = { read = function(_, sql) return sql end, write = function(_, sql) return sql end }
  local environment = setmetatable({ require = function() return query end }, { __index = _G })
  return assert(loadfile(("%s/lua/queries/%s.lua"):format(paths.root, module), "t", environment))()
end

local queue <const>, cleanup <const> = statements_of "jobs", statements_of "cleanup"

describe("a statement of the jobs", function()
  local database

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  -- PREPARE and EXECUTE, as one text.
  local function call(sql, arguments) return ("PREPARE s AS %s; EXECUTE s(%s);"):format(sql, arguments) end

  before_each(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run [[DELETE FROM "Job"; DELETE FROM "JobSchedule"; DELETE FROM "OutboxCursor"]]
  end)

  it("finds the next time of a schedule as counting does", function()
    math.randomseed(20261127)
    local script, expected = {}, {}
    for i = 1, ROUNDS do
      local period = i % 4 == 0 and DAY or math.random(1, 5000)
      local phase = i % 4 == 0 and math.random(0, 1439) * 60 or 0
      local now = math.random(1700000000, 1900000000)
      local next_at = now // DAY * DAY - 2 * DAY // period * period + phase
      if i % 4 ~= 0 then next_at = now // period * period end
      while next_at <= now do next_at = next_at + period end
      expected[i] = ("k%d %d"):format(i, next_at)
      script[i] = CLOCK:format(("to_timestamp(%d)"):format(now)) .. ("EXECUTE s('{k%d}', '{%d}', '{%d}', '{3}');")
        :format(i, period * 1000, phase * 1000)
    end
    database.run(("PREPARE s AS %s;"):format(queue.schedule) .. table.concat(script, "\n"))
    for _, line in ipairs(expected) do
      assert.equal(line, value([[SELECT "kind" || ' ' || extract(epoch FROM "nextRunAt")::bigint FROM "JobSchedule"
        WHERE "kind" = '%s']], line:match "%S+"))
    end
  end)

  it("adds the job of a schedule when its time comes, one for all times that passed", function()
    local function at(time)
      database.run(CLOCK:format(("timestamptz '%s'"):format(time))
        .. call(queue.schedule, "'{daily}', '{86400000}', '{12600000}', '{3}'"))
      return value [[SELECT (SELECT count(*) FROM "Job") || ' ' || mb_instant("nextRunAt") FROM "JobSchedule"]]
    end
    assert.equal("0 2030-01-01T03:30:00.000Z", at "2030-01-01 00:00Z")
    assert.equal("0 2030-01-01T03:30:00.000Z", at "2030-01-01 03:29:59.999Z")
    assert.equal("1 2030-01-02T03:30:00.000Z", at "2030-01-01 03:30Z")
    assert.equal("1 2030-01-02T03:30:00.000Z", at "2030-01-01 03:30:01Z")
    assert.equal("1 2030-01-05T03:30:00.000Z", at "2030-01-04 12:00Z")
    database.run [[UPDATE "Job" SET "status" = 'DONE', "finishedAt" = mb_now()]]
    assert.equal("2 2030-01-08T03:30:00.000Z", at "2030-01-07 12:00Z")
    -- a schedule that became a more frequent one does not wait for the old time
    database.run(call(queue.schedule, "'{daily}', '{60000}', '{0}', '{3}'"))
    assert.equal("2 2030-01-07T12:01:00.000Z",
      value [[SELECT (SELECT count(*) FROM "Job") || ' ' || mb_instant("nextRunAt") FROM "JobSchedule"]])
  end)

  it("gives a job to one owner, and lets nobody else end it", function()
    database.run [[INSERT INTO "Job" ("id", "kind", "maxAttempts") VALUES ('a', 'k', 2)]]
    local function take(owner)
      return psql.query(database.url, call(queue.take, ("'%s', '{k}', '{1000}', 10"):format(owner)))
    end
    assert.equal("a", take "first"[1].id)
    assert.same({}, take "second")
    database.run(CLOCK:format "clock_timestamp() + interval '2 s'")
    assert.equal("2", take "second"[1].attempts)
    for _, late in ipairs { call(queue.done, "'a', 'first'"), call(queue.fail, "'a', 'first', 'x', 0, false"),
                            call(queue.give_back, "'a', 'first'") } do
      assert.same({}, psql.query(database.url, late))
    end
    assert.equal("RUNNING second", value [[SELECT "status" || ' ' || "leaseOwner" FROM "Job"]])
    assert.equal("DONE", psql.value(database.url, call(queue.done, "'a', 'second'")))
  end)

  it("takes kinds that it knows only, oldest first", function()
    database.run [[INSERT INTO "Job" ("id", "kind", "maxAttempts", "runAt") VALUES ('a', 'k', 1, '2020-01-02'),
      ('b', 'k', 1, '2020-01-01'), ('c', 'other', 1, '2019-01-01'), ('d', 'k', 1, '2100-01-01')]]
    local rows = psql.query(database.url, call(queue.take, "'x', '{k}', '{1000}', 1"))
    assert.equal("b", rows[1].id)
    assert.equal(1, #rows)
  end)

  it("goes by the index of what is due", function()
    database.run [[INSERT INTO "Job" ("kind", "maxAttempts", "status", "finishedAt")
      SELECT 'k', 1, 'DONE', now() FROM generate_series(1, 5000);
      INSERT INTO "Job" ("kind", "maxAttempts", "runAt") SELECT 'k', 1, '2100-01-01' FROM generate_series(1, 5000);
      ANALYZE "Job"]]
    local plan = {}
    for _, sql in ipairs { queue.waiting, (queue.take:gsub("%$1", "'x'"):gsub("%$2", "'{k}'"):gsub("%$3", "'{1}'")
      :gsub("%$4", "4")) } do
      for _, row in ipairs(psql.query(database.url, "EXPLAIN " .. sql)) do plan[#plan + 1] = row["QUERY PLAN"] end
      assert.matches("Job_due_idx", table.concat(plan, "\n"), 1, true)
      plan = {}
    end
  end)

  it("removes old events that every subscriber passed, and no other", function()
    database.run [[DELETE FROM "Outbox";
      INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload", "createdAt")
      SELECT 'x.y', 'Test', n::text, '{}', CASE WHEN n < 4 THEN now() - interval '40 days' ELSE now() END
        FROM generate_series(1, 5) n;
      INSERT INTO "OutboxCursor" SELECT s, (SELECT "transactionId" FROM "Outbox" LIMIT 1),
        (SELECT "id" FROM "Outbox" WHERE "resourceId" = CASE s WHEN 'one' THEN '2' ELSE '5' END)
        FROM unnest('{one,two}'::text[]) s]]
    local function rest(subscribers)
      database.run(call(cleanup.events, ("1000, '30d', '{%s}'"):format(subscribers)))
      return value [[SELECT string_agg("resourceId", ' ' ORDER BY "id") FROM "Outbox"]]
    end
    assert.equal("1 2 3 4 5", rest "one,two,three")
    assert.equal("3 4 5", rest "one,two")
    assert.equal("4 5", rest "two")
  end)
end)

describe("the server's own jobs", function()
  local app, database

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  local function run(kind)
    local id = value([[INSERT INTO "Job" ("kind", "maxAttempts") VALUES ('%s', 1) RETURNING "id"]], kind)
    eventually(function()
      return value([[SELECT "status" FROM "Job" WHERE "id" = '%s' AND "finishedAt" IS NOT NULL]], id)
    end)
    assert.equal("DONE", value([[SELECT "status" || coalesce("lastError", '') FROM "Job" WHERE "id" = '%s']], id))
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run [[UPDATE "Availability" SET "requiresConfirmation" = true]]
    -- The clock of these tests goes to 2100.
    app = server.start { database = database, workers = 1,
                         env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_OUTBOX_KEEP = "36500d" } }
  end)

  it("have a schedule each, but for the ones that are asked for", function()
    eventually(function()
      return value [[SELECT string_agg("kind", ' ' ORDER BY "kind") FROM "JobSchedule"
        WHERE "kind" <> 'nothing.known']] == "bookings.expire compliance.lapse "
          .. "compliance.settle compliance.warn organizations.trials providers.trials server.cleanup"
    end)
    local files = native.list(paths.root .. "/lua/jobs")
    table.sort(files)
    assert.same({ "cleanup.lua", "contact_code.lua", "expire_bookings.lua", "lapse_answers.lua", "mail.lua",
                  "notify.lua", "organization_trials.lua", "provider_trials.lua", "settle_compliance.lua",
                  "tell_organizations.lua", "tell_providers.lua", "warn_of_lapses.lua" }, files)
    assert.is_true(app.process:is_running())
  end)

  it("give up bookings that nobody confirmed in time, and no others", function()
    local function book()
      return value [[SELECT booking_id FROM mb_book(jsonb_build_object(
        'slotId', (SELECT "id" FROM "CalculatedAvailabilitySlot"
                    WHERE "status" = 'AVAILABLE' AND "id" LIKE '%%0' ORDER BY "id" LIMIT 1),
        'bookingId', mb_cuid(), 'reference', substr(md5(random()::text), 1, 8), 'clientId', 'patient',
        'isOnline', false))]]
    end
    local old, new, confirmed = book(), book(), book()
    database.run(([[UPDATE "Booking" SET "createdAt" = now() - interval '24 hours 1 s' WHERE "id" IN ('%s', '%s');
      UPDATE "Booking" SET "status" = 'CONFIRMED', "confirmedAt" = now() WHERE "id" = '%s']])
      :format(old, confirmed, confirmed))
    run "bookings.expire"
    local function state(id)
      return value([[SELECT concat_ws(' ', "status", "reasonCode") FROM "Booking" WHERE "id" = '%s']], id)
    end
    assert.equal("CANCELLED expired", state(old))
    assert.equal("PENDING", state(new))
    assert.equal("CONFIRMED", state(confirmed))
    assert.equal("expire PENDING CANCELLED expired booking.expired BOOKING_EXPIRED", value([[
      SELECT concat_ws(' ', h."action", h."fromStatus", h."toStatus", h."userId", h."reasonCode",
        (SELECT o."type" FROM "Outbox" o WHERE o."resourceId" = h."resourceId" ORDER BY o."id" DESC LIMIT 1),
        (SELECT a."action" FROM "AuditLog" a WHERE a."resourceId" = h."resourceId" ORDER BY a."id" DESC LIMIT 1))
        FROM "StatusHistory" h WHERE h."resourceId" = '%s']], old))
    database.run(CLOCK:format "timestamptz '2100-01-04 12:59Z'")
    run "bookings.expire"
    database.run(CLOCK:format "clock_timestamp()")
    assert.equal("CANCELLED expired", state(new))
    assert.equal("CONFIRMED", state(confirmed))
    assert.same({}, database.query(paths.read "tests/invariants.sql"))
  end)

  it("remove answers, sessions and jobs that have had their time, and keep the others", function()
    database.run [[
      INSERT INTO "IdempotencyKey"
        ("caller", "route", "key", "requestHash", "status", "body", "resourceId", "createdAt")
      SELECT 'c', 'r', n::text, 'h', 200, '{}', 'x', now() - n * interval '10 hours' FROM generate_series(1, 4) n;
      INSERT INTO "Session" ("userId", "tokenHash", "createdAt", "expiresAt")
      SELECT 'user', encode(sha256(n::text::bytea), 'hex'), '2020-01-01', now() + n * interval '1 h'
        FROM unnest('{-2,-1,1}'::int[]) n;
      INSERT INTO "ContactCode" ("userId", "kind", "number", "expires")
      VALUES ('doctor', 'phone', '+27825550123', mb_now() - interval '1 s'),
             ('doctor', 'whatsapp', '+27825550123', mb_now() + interval '1 min');
      INSERT INTO "ContactCodeCount"
      VALUES ('old', 1, mb_now() - interval '1 s'), ('new', 1, mb_now() + interval '1 min');
      UPDATE "ProviderFile" SET "touchedAt" = mb_now() - interval '11 min';
      INSERT INTO "ProviderFile" ("id", "providerId", "reserved", "size", "touchedAt", "mediaType", "sha256",
                                  "completedAt")
      VALUES ('coming', 'provider', 1, 0, mb_now() - interval '9 min', NULL, NULL, NULL),
             ('complete', 'provider', 1, 1, mb_now() - interval '9 days', 'x', repeat('0', 64), now());
      INSERT INTO "SignInCode" ("codeHash", "provider", "providerAccountId", "email", "expiresAt")
      SELECT encode(sha256(n::text::bytea), 'hex'), 'cleanup', n, 'x@people.example', mb_now() + n * interval '1 s'
        FROM unnest('{-60,-1,60}'::int[]) n;
      INSERT INTO "Job" ("kind", "maxAttempts", "status", "finishedAt")
      SELECT 'old', 1, 'DONE', now() - n * interval '3 days' FROM generate_series(1, 4) n]]
    run "server.cleanup"
    assert.equal("2", value [[SELECT count(*) FROM "IdempotencyKey" WHERE "caller" = 'c']])
    assert.equal("1", value [[SELECT count(*) FROM "Session" WHERE "createdAt" = '2020-01-01' AND "userId" = 'user']])
    assert.equal("2", value [[SELECT count(*) FROM "Job" WHERE "kind" = 'old']])
    assert.equal("whatsapp", value [[SELECT string_agg("kind", ' ') FROM "ContactCode" WHERE "userId" = 'doctor']])
    assert.equal("60", value [[SELECT string_agg("providerAccountId", ' ') FROM "SignInCode"
      WHERE "provider" = 'cleanup']])
    assert.equal("coming complete 0", value [[SELECT string_agg("id", ' ' ORDER BY "id") || ' '
      || (SELECT count(*) FROM "ProviderFilePiece") FROM "ProviderFile"]])
    assert.equal("new", value [[SELECT string_agg("key", ' ') FROM "ContactCodeCount" WHERE "key" IN ('old', 'new')]])
  end)

  it("remove accounts that nobody verified, but for those that something refers to", function()
    database.run [[
      INSERT INTO "User" ("id", "email", "pendingSince", "emailVerified")
      SELECT who, who || '@pending.example', mb_now() - age, verified
        FROM (VALUES ('old', interval '8 days', NULL::timestamptz), ('young', interval '6 days', NULL),
                     ('booked', interval '8 days', NULL), ('member', interval '8 days', NULL),
                     ('verified', NULL, mb_now())) v (who, age, verified);
      UPDATE "Organization" SET "approvedById" = 'booked';
      INSERT INTO "OrganizationMembership" ("id", "organizationId", "userId", "role")
      VALUES ('pending', 'org', 'member', 'STAFF');
      UPDATE "EmailVerificationToken" SET "expires" = mb_now() - interval '8 days';
      UPDATE "PasswordResetToken" SET "expires" = mb_now() - interval '6 days';
      UPDATE "LoginAttempt" SET "createdAt" = mb_now() - interval '91 days']]
    run "server.cleanup"
    assert.equal("booked - member - verified - young +", value [[
      SELECT string_agg("id" || CASE WHEN "pendingSince" IS NULL THEN ' -' ELSE ' +' END, ' ' ORDER BY "id")
        FROM "User" WHERE "email" LIKE '%%@pending.example']])
    assert.equal("0 1 0", value [[SELECT concat_ws(' ', (SELECT count(*) FROM "EmailVerificationToken"),
      (SELECT count(*) FROM "PasswordResetToken"), (SELECT count(*) FROM "LoginAttempt"))]])
  end)
end)
