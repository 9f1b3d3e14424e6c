-- What owners of organizations and administrators are written: a mail for each event, that leaves by the jobs.

package.path = "lua/?.lua;" .. package.path

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local letters = require "support.letters"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"
local states = require "workflows.states.organization"

describe("mails about an organization", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[
      UPDATE "User" SET "email" = "id" || '@people.example', "emailVerified" = now(), "name" = 'Thandi'
       WHERE "id" IN ('foreign', 'admin', 'stranger');
      INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role") VALUES ('org2', 'stranger', 'ADMIN');
      UPDATE "Organization" SET "name" = 'Karoo Rooms', "trialEnded" = '2026-03-08 22:30Z' WHERE "id" = 'org2']]
    app = server.start { database = database, workers = 1, env = {
      MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_HTTP_PUBLIC_URL = "https://clinic.example",
    } }
    eventually(function()
      return #database.query [[SELECT 1 AS v FROM "OutboxCursor" WHERE "subscriber" = 'organizations.tell']] == 1
    end, { what = "the job to hear of events" })
  end)

  -- The letters to somebody, once there are so many.
  local function letters_to(who, count)
    return eventually(function()
      local list = letters.to(app, who .. "@people.example")
      return #list == count and list
    end, { what = count .. " mails to " .. who })
  end

  it("say to its owner what became of it, each event in words of its own, in its zone", function()
    local count = 0
    for _, event in ipairs(states:events()) do
      local is_new = event ~= "organization.changed"
        and psql.value(database.url, ([[SELECT count(*) FROM "Outbox" WHERE "type" = '%s']]):format(event)) == "0"
      if is_new then
        count = count + 1
        database.run(([[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
          VALUES ('%s', 'Organization', 'org2', '{}')]]):format(event))
      end
    end
    assert.equal(13, count)
    local seen = {}
    for _, letter in ipairs(letters_to("foreign", count)) do
      assert.is_nil(seen[letter.subject], letter.subject)
      seen[letter.subject] = letter.text
      assert.equal("organization-status", letter.kind)
      assert.matches("\nDear Thandi,\n", letter.text, 1, true)
      assert.matches("Karoo Rooms", letter.subject, 1, true)
      assert.is_nil((letter.subject .. letter.text):find "[{}]", letter.text)
      assert.is_nil(letter.text:find("The reason", 1, true), letter.text)
    end
    assert.matches("9 March 2026, 00:30", seen["The trial of Karoo Rooms ends soon"], 1, true)
    local waits = letters_to("admin", 1)[1]
    assert.equal("organization-waits", waits.kind)
    assert.matches("https://clinic.example/v1/organizations/org2", waits.text, 1, true)
  end)

  it("say why it was rejected, to its owners alone", function()
    local r = app:post("/v1/organizations/org2/reject", { reason = "nobody is there" },
      { headers = { Authorization = "Bearer admin" } })
    assert.equal(200, r.status, r.body)
    local found
    for _, letter in ipairs(letters_to("foreign", 14)) do
      found = found or letter.text:find("The reason: nobody is there", 1, true)
    end
    assert.is_truthy(found)
    assert.same({}, letters.to(app, "stranger@people.example"))
  end)
end)
