-- What providers and administrators are written: a mail for each event of a provider, that leaves by the jobs.

package.path = "lua/?.lua;" .. package.path

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local letters = require "support.letters"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"
local states = require "workflows.states.provider"

describe("mails about a provider", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[
      UPDATE "User" SET "email" = "id" || '@people.example', "emailVerified" = now() WHERE "id" IN ('doctor2', 'admin',
        'stranger');
      UPDATE "User" SET "email" = 'root@people.example' WHERE "id" = 'root';
      UPDATE "Provider" SET "name" = 'Dr Lesedi Nkosi', "trialEnded" = '2026-03-08 22:30Z' WHERE "id" = 'provider2']]
    app = server.start { database = database, workers = 1, env = {
      MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_HTTP_PUBLIC_URL = "https://clinic.example",
    } }
    eventually(function()
      return #database.query [[SELECT 1 AS v FROM "OutboxCursor" WHERE "subscriber" = 'providers.tell']] == 1
    end, { what = "the job to hear of events" })
  end)

  local function post(path, who, body)
    return app:post("/v1/providers" .. path, body or {}, { headers = { Authorization = "Bearer " .. who } })
  end

  it("say what became of it, each event in words of its own, in the zone of the provider", function()
    local subjects, n = {}, 0
    for _, event in ipairs(states:events()) do
      if event ~= "provider.changed" and not subjects[event] then
        n = n + 1
        subjects[event] = true
        database.run(([[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
          VALUES ('%s', 'Provider', 'provider2', '{}')]]):format(event))
      end
    end
    assert.equal(13, n)
    local found = eventually(function()
      local list = letters.to(app, "doctor2@people.example")
      return #list == n and list
    end, { what = n .. " mails" })
    local seen = {}
    for _, letter in ipairs(found) do
      assert.is_nil(seen[letter.subject], letter.subject)
      seen[letter.subject] = letter.text
      assert.equal("provider-status", letter.kind)
      assert.matches("\nDear Dr Lesedi Nkosi,\n", letter.text, 1, true)
      assert.is_nil(letter.text:find "[{}]", letter.text)
      assert.is_nil(letter.text:find("The reason", 1, true), letter.text)
    end
    assert.matches("9 March 2026, 00:30 (Africa/Johannesburg)", seen["Your trial ends soon"], 1, true)
  end)

  it("give the reason of a rejection", function()
    assert.equal(200, post("/provider2/reject", "admin", { reason = "The certificate\nis not legible." }).status)
    local letter = letters.await(app, "provider-status", "doctor2@people.example", 14)
    assert.equal("Your registration is rejected", letter.subject)
    assert.matches("The reason: The certificate\nis not legible.\n", letter.text, 1, true)
    assert.equal(200, post("/provider2/reset", "admin").status)
    assert.is_nil(letters.await(app, "provider-status", "doctor2@people.example", 15).text:find("The reason", 1, true))
  end)

  it("tell administrators whose address is verified of a new one, while it waits", function()
    local made = post("", "stranger", {
      name = "Dr Noma Dlamini", languages = { "English" }, email = "rooms@clinic.example", whatsapp = "+27115550100",
      providerTypeIds = { "type" },
    })
    assert.equal(201, made.status, made.body)
    local letter = letters.await(app, "provider-waits", "admin@people.example", 2)
    assert.matches('"Dr Noma Dlamini"', letter.text, 1, true)
    assert.matches("https://clinic.example/v1/providers/" .. made.json.id .. "\n", letter.text, 1, true)
    assert.equal("We have your registration",
      letters.await(app, "provider-status", "stranger@people.example", 1).subject)
    assert.same({}, letters.to(app, "rooms@clinic.example"))
    assert.same({}, letters.to(app, "root@people.example"))
  end)

  it("go to what patients write to, where the account has no verified address", function()
    database.run [[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
      VALUES ('provider.activated', 'Provider', 'provider', '{}');
      UPDATE "Provider" SET "email" = 'rooms@practice.example' WHERE "id" = 'provider']]
    assert.equal("You are in service", letters.await(app, "provider-status", "rooms@practice.example").subject)
    assert.equal("0", psql.value(database.url, [[SELECT count(*) FROM "Job" WHERE "status" = 'DEAD']]))
  end)
end)
