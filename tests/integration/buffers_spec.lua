-- Buffers count on both sides: two services of one provider with different buffers, booked in both orders. What
-- every slot is after each booking and each cancellation is compared with the rule in minutes, worked out anew.

local cluster = require "support.cluster"
local paths = require "support.paths"
local psql = require "support.psql"
local seeded = require "chaos.seed"

-- Two services, 20 and 35 minutes long, with a slot every 5 minutes of four hours; and what tries them.
local TRIALS <const> = [[
INSERT INTO "Availability" ("id", "providerId", "startTime", "endTime", "createdById", "status", "requiresConfirmation")
VALUES ('tuesday', 'provider', '2100-01-05 06:00Z', '2100-01-05 10:00Z', 'user', 'ACCEPTED', false);
INSERT INTO "CalculatedAvailabilitySlot" ("id", "availabilityId", "serviceId", "serviceConfigId", "startTime",
    "endTime", "lastCalculated", "providerId", "price", "isOnlineAvailable", "isInPerson")
SELECT c."id" || to_char(t AT TIME ZONE 'UTC', ' HH24MI'), 'tuesday', c."serviceId", c."id", t, t + length, now(),
       'provider', 100, false, true
  FROM (SELECT *, CASE "id" WHEN 'config' THEN interval '20 min' ELSE interval '35 min' END AS length
          FROM "ServiceAvailabilityConfig") c,
       generate_series(timestamptz '2100-01-05 06:00Z', '2100-01-05 09:55Z', interval '5 min') t
 WHERE t + length <= '2100-01-05 10:00Z';

CREATE TABLE fault (trial text, step text, slot text, status text, wanted text);

-- Books or does not; returns the outcome.
CREATE FUNCTION try_to_book(slot text) RETURNS text LANGUAGE sql AS
    $$SELECT outcome FROM mb_book(jsonb_build_object('slotId', slot, 'bookingId', slot, 'clientId', 'patient',
                                                     'reference', slot, 'isOnline', false))$$;

-- The status that a slot must have, minute by minute. Bookings bear the names of their slots.
CREATE FUNCTION wanted(slot "CalculatedAvailabilitySlot") RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b record;
    mine record;
    lies_between interval;
    has_to_lie integer;
BEGIN
    SELECT * INTO mine FROM "ServiceAvailabilityConfig" WHERE "id" = slot."serviceConfigId";
    FOR b IN SELECT * FROM "Booking" WHERE "status" <> 'CANCELLED' AND "startTime" >= '2100-01-05' LOOP
        IF b."id" = slot."id" THEN
            RETURN 'BOOKED';
        ELSIF b."startTime" >= slot."endTime" THEN
            lies_between := b."startTime" - slot."endTime";
            has_to_lie := CASE WHEN mine."bufferAfter" > b."bufferBefore" THEN mine."bufferAfter"
                               ELSE b."bufferBefore" END;
        ELSIF slot."startTime" >= b."endTime" THEN
            lies_between := slot."startTime" - b."endTime";
            has_to_lie := CASE WHEN mine."bufferBefore" > b."bufferAfter" THEN mine."bufferBefore"
                               ELSE b."bufferAfter" END;
        ELSE
            RETURN 'INVALID';
        END IF;
        IF lies_between < make_interval(mins => has_to_lie) THEN
            RETURN 'INVALID';
        END IF;
    END LOOP;
    RETURN 'AVAILABLE';
END $$;

CREATE FUNCTION look(trial text, step text) RETURNS SETOF fault LANGUAGE sql AS $$
    SELECT trial, step, s."id", s."status"::text, wanted(s) FROM "CalculatedAvailabilitySlot" s
     WHERE s."availabilityId" = 'tuesday' AND s."status"::text <> wanted(s)
$$;

-- Books `first`, then `second` if it may, cancels the first; returns how far it came. All is undone.
CREATE FUNCTION try_two(buffers integer[], first text, second text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    trial constant text := format('%s %s, %s', buffers, first, second);
    faults fault[];
    came text := 'one';
    may boolean;
BEGIN
    UPDATE "ServiceAvailabilityConfig" SET "bufferBefore" = buffers[1], "bufferAfter" = buffers[2]
     WHERE "id" = 'config';
    UPDATE "ServiceAvailabilityConfig" SET "bufferBefore" = buffers[3], "bufferAfter" = buffers[4]
     WHERE "id" = 'config60';
    IF try_to_book(first) <> 'created' THEN
        faults := faults || ROW(trial, 'first', first, 'refused', 'created')::fault;
    END IF;
    faults := faults || ARRAY(SELECT f FROM look(trial, 'first') f);
    SELECT wanted(s) = 'AVAILABLE' INTO may FROM "CalculatedAvailabilitySlot" s WHERE s."id" = second;
    IF (try_to_book(second) = 'created') <> may THEN
        faults := faults || ROW(trial, 'second', second, NOT may, may)::fault;
    END IF;
    IF may THEN
        came := 'both';
        faults := faults || ARRAY(SELECT f FROM look(trial, 'second') f);
    END IF;
    PERFORM mb_move_booking(jsonb_build_object('bookingId', first, 'action', 'cancel', 'event', 'cancelled',
        'fromStatuses', '["CONFIRMED"]'::jsonb, 'toStatus', 'CANCELLED', 'reasonCode', 'x'));
    faults := faults || ARRAY(SELECT f FROM look(trial, 'cancelled') f);
    RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
    INSERT INTO fault SELECT * FROM unnest(faults);
    RETURN came;
END $$;]]

describe("buffers", function()
  local database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    database.run(TRIALS)
  end)
  after_each(function()
    assert.same({}, database.query(paths.read "tests/invariants.sql"))
  end)

  -- Tries what this SELECT of buffers, first and second names; how often one and both were booked.
  local function try(trials)
    local came = {}
    for _, row in ipairs(database.query(([[SELECT try_two(buffers, first, second) AS came, count(*) AS n
        FROM (%s) t GROUP BY 1]]):format(trials))) do
      came[row.came] = tonumber(row.n)
    end
    assert.same({}, database.query "SELECT * FROM fault LIMIT 5")
    return came
  end

  it("of 10 minutes refuse what follows at once, and what is followed at once", function()
    local trials = [[SELECT * FROM (VALUES %s) t (buffers, first, second)]]
    assert.same({ one = 4 }, try(trials:format [[('{10,0,10,0}'::integer[], 'config 0600', 'config60 0620'),
      ('{0,0,10,0}', 'config 0600', 'config60 0620'), ('{0,0,10,0}', 'config60 0620', 'config 0600'),
      ('{0,10,0,0}', 'config60 0620', 'config 0600')]]))
    assert.same({ both = 2 }, try(trials:format [[('{10,10,10,10}'::integer[], 'config 0600', 'config60 0630'),
      ('{10,10,10,10}', 'config60 0630', 'config 0600')]]))
  end)

  it("of any two services hold whichever is booked first, the larger of two and not their sum", function()
    local came = try [[
      SELECT ARRAY[a, b, c, d] AS buffers, o.first, o.second
        FROM unnest('{0,25}'::integer[]) a, unnest('{0,10,25}'::integer[]) b, unnest('{0,10,25}'::integer[]) c,
             unnest('{0,25}'::integer[]) d,
             (VALUES ('config 0800', 'config60 0840'), ('config60 0840', 'config 0800')) o (first, second)]]
    -- 0820 to 0840: too little where the 20 minutes' after or the 35 minutes' before is 25.
    assert.same({ one = 8 * 5, both = 8 * 4 }, came)
  end)

  it("of any size hold at any distance", function()
    database.run(("SELECT setseed(%d / 4294967296.0)"):format(seeded.seed % 4294967296))
    local came = try(([[
      SELECT ARRAY(SELECT CASE WHEN random() < 0.3 THEN 0 ELSE (random() * 80)::integer END
                     FROM generate_series(1, 4 + 0 * n)) AS buffers,
             (SELECT "id" FROM "CalculatedAvailabilitySlot" WHERE "availabilityId" = 'tuesday'
               ORDER BY md5(concat(%d, n, "id")) LIMIT 1) AS first,
             (SELECT "id" FROM "CalculatedAvailabilitySlot" WHERE "availabilityId" = 'tuesday'
               ORDER BY md5(concat(n, "id", %d)) LIMIT 1) AS second
        FROM generate_series(1, 40) n]]):format(seeded.seed, seeded.seed))
    assert.is_true(came.one > 3 and came.both > 3)
  end)

  it("that change are felt at once, by the slots of the service too", function()
    local status = [[SELECT "status" FROM "CalculatedAvailabilitySlot" WHERE "id" = 'config 0800']]
    psql.run(database.url, [[SELECT try_to_book('config60 0830')]])
    assert.equal("AVAILABLE", psql.value(database.url, status))
    database.run [[UPDATE "ServiceAvailabilityConfig" SET "bufferAfter" = 11 WHERE "id" = 'config']]
    assert.equal("INVALID", psql.value(database.url, status))
    database.run [[UPDATE "ServiceAvailabilityConfig" SET "bufferAfter" = 10 WHERE "id" = 'config']]
    assert.equal("AVAILABLE", psql.value(database.url, status))
  end)

  it("count for holds alike", function()
    local function outcome(buffers, hold)
      return psql.value(database.url, ([[BEGIN;
        UPDATE "ServiceAvailabilityConfig" SET "bufferBefore" = %d WHERE "id" = 'config60';
        INSERT INTO "SlotHold" ("slotId", "providerId", "startTime", "endTime", "holder", "expiresAt", "bufferAfter")
        VALUES ('config 0900', 'provider', '2100-01-05 09:00Z', '2100-01-05 09:20Z', 'somebody', '2100-01-01', %d);
        SELECT try_to_book('config60 0925'); ROLLBACK;]]):format(buffers, hold))
    end
    assert.equal("created", outcome(5, 5))
    assert.equal("slot_held", outcome(6, 0))
    assert.equal("slot_held", outcome(0, 6))
  end)

  it("as wide as they may be reach holds on either side, and no further", function()
    local function outcome(slot, from, to)
      return psql.value(database.url, ([[BEGIN;
        INSERT INTO "SlotHold" ("slotId", "providerId", "startTime", "endTime", "holder", "expiresAt", "bufferBefore",
                                "bufferAfter")
        VALUES ('config 0900', 'provider', '2100-01-05 %sZ', '2100-01-05 %sZ', 'somebody', '2100-01-01', 240, 240);
        SELECT try_to_book('%s'); ROLLBACK;]]):format(from, to, slot))
    end
    assert.equal("slot_held", outcome("config60 0600", "01:41", "02:01"))
    assert.equal("created", outcome("config60 0600", "01:40", "02:00"))
    assert.equal("slot_held", outcome("config60 0925", "13:59", "14:19"))
    assert.equal("created", outcome("config60 0925", "14:00", "14:20"))
  end)
end)
