-- Which changes of a status the database lets through, whoever writes: those of the workflow, and no others.

package.path = "lua/?.lua;" .. package.path

local cluster = require "support.cluster"
local psql = require "support.psql"
local states = require "workflows.states.provider"

local function edges_of(machine)
  local edges = {}
  for _, it in ipairs(machine.transitions) do
    for _, from in ipairs(it.from) do
      for _, to in ipairs(it.ends) do edges[from .. " " .. to] = true end
    end
  end
  return edges
end

describe("a status", function()
  local database, edges

  setup(function()
    database = cluster.fresh "schema"
    edges = edges_of(states)
  end)

  local serial = 0

  -- A new provider of this status: its id.
  local function new(status)
    serial = serial + 1
    database.run(([[INSERT INTO "User" ("id") VALUES ('u%d');
      INSERT INTO "Provider" ("id", "name", "userId", "image", "status") VALUES ('p%d', 'x', 'u%d', '', '%s')]])
      :format(serial, serial, serial, status))
    return "p" .. serial
  end

  local function set(id, status)
    return ([[UPDATE "Provider" SET "status" = '%s' WHERE "id" = '%s'; ]]):format(status, id)
  end

  it("changes along the edges of the workflow: each of them stands in the table, for both", function()
    for _, name in ipairs { "Provider", "Organization" } do
      local found = {}
      for _, row in ipairs(database.query(([[SELECT "fromStatus" || ' ' || "toStatus" AS edge FROM "StatusEdge"
        WHERE "resource" = '%s']]):format(name))) do
        found[row.edge] = true
      end
      assert.same(edges, found, name)
      assert.same(edges, edges_of(require("workflows.states." .. name:lower())), name)
    end
  end)

  -- Fills a table with a row for each step, its id "from to".
  local NEW <const> = {
    Provider = [[
      INSERT INTO "User" ("id") SELECT f || ' ' || t
        FROM unnest(enum_range(NULL::"ProviderStatus")) f, unnest(enum_range(NULL::"ProviderStatus")) t;
      INSERT INTO "Provider" ("id", "name", "userId", "image", "status")
      SELECT "id", 'x', "id", '', split_part("id", ' ', 1)::"ProviderStatus" FROM "User" WHERE "id" LIKE '% %';]],
    Organization = [[
      INSERT INTO "Organization" ("id", "name", "status")
      SELECT f || ' ' || t, 'x', f
        FROM unnest(enum_range(NULL::"OrganizationStatus")) f, unnest(enum_range(NULL::"OrganizationStatus")) t;]],
  }

  -- From each status to each, in one go: "from to" -> whether it was let through, and why not.
  local function try_all(name)
    local outcomes = {}
    for _, row in ipairs(database.query(NEW[name] .. ([[
      CREATE TEMPORARY TABLE tried (step text, why text);
      DO $$
      DECLARE
        p text;
      BEGIN
        FOR p IN SELECT "id" FROM "NAME" WHERE "id" LIKE '% %' LOOP
          BEGIN
            UPDATE "NAME" SET "status" = split_part(p, ' ', 2)::"NAMEStatus" WHERE "id" = p;
            INSERT INTO tried VALUES (p, 'let through');
          EXCEPTION WHEN check_violation THEN
            INSERT INTO tried VALUES (p, SQLERRM);
          END;
        END LOOP;
      END $$;
      SELECT * FROM tried]]):gsub("NAME", name))) do
      outcomes[row.step] = row.why
    end
    return outcomes
  end

  for _, name in ipairs { "Provider", "Organization" } do
    it(("of a %s changes along no other, and a new one may have any"):format(name:lower()), function()
      local allowed, outcomes = 0, try_all(name)
      for _, from in ipairs(states.states) do
        for _, to in ipairs(states.states) do
          local step = from .. " " .. to
          if edges[step] or from == to then
            assert.equal("let through", outcomes[step], step)
            allowed = allowed + 1
          else
            assert.equal(("%s %s cannot become %s from %s"):format(name, step, to, from), outcomes[step])
          end
        end
      end
      assert.equal(27 + 9, allowed)
    end)
  end

  it("comes back from a suspension as what it was, or as a trial that is over", function()
    local id = new "TRIAL"
    database.run(set(id, "SUSPENDED"))
    local function kept()
      return psql.value(database.url, ([[SELECT concat_ws(' ', "status", "suspendedFrom") FROM "Provider"
        WHERE "id" = '%s']]):format(id))
    end
    assert.equal("SUSPENDED TRIAL", kept())
    for _, other in ipairs { "ACTIVE", "APPROVED", "PAYMENT_OVERDUE" } do
      assert.matches("^23514", psql.refusal(database.url, set(id, other)))
    end
    database.run(set(id, "TRIAL"))
    assert.equal("TRIAL", kept())
    database.run(set(id, "SUSPENDED") .. set(id, "TRIAL_EXPIRED"))
    assert.equal("TRIAL_EXPIRED", kept())
    assert.matches("^23514", psql.refusal(database.url, set(id, "SUSPENDED") .. set(id, "TRIAL")))
    database.run(set(id, "CANCELLED"))
    assert.equal("CANCELLED", kept())
  end)

  it("has edges that the server cannot change", function()
    for _, sql in ipairs { [[DELETE FROM "StatusEdge"]], [[UPDATE "StatusEdge" SET "toStatus" = 'ACTIVE']],
                           [[INSERT INTO "StatusEdge" VALUES ('Provider', 'REJECTED', 'ACTIVE')]] } do
      assert.matches("^42501", psql.refusal(database.url, "SET ROLE medbookd_app; " .. sql))
    end
  end)
end)
