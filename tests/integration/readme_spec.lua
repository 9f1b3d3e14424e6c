-- What README.md and lua/README.md show works as it stands there: every shell block after a line `<!-- tested -->`
-- is run by sh, in order and in one shell, against a demo server. Only the address and the program's path are
-- replaced. What they add to the scripts is added to a copy of them, and asked.

local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local mailbox = require "support.mailbox"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local ADDRESS <const> = "http://127.0.0.1:8080"
local PROGRAM <const> = "build/release/medbookd" -- as after `./dev run`

-- As the clinic is for a reader within its hours: every provider's first visit on site begins in an hour.
local IN_AN_HOUR <const> = [[
UPDATE "CalculatedAvailabilitySlot" SET "startTime" = now() + interval '1 hour', "endTime" = now() + interval '2 hours'
 WHERE "id" IN (SELECT DISTINCT ON ("providerId") "id" FROM "CalculatedAvailabilitySlot"
                 WHERE "isInPerson" ORDER BY "providerId", "startTime", "id")]]

local readme <const> = paths.read "README.md"
local documents <const> = readme .. paths.read "lua/README.md"

-- The tested blocks: a list of texts.
local function blocks()
  local found = {}
  for block in readme:gmatch "<!%-%- tested %-%->\n+```sh\n(.-)```" do found[#found + 1] = block end
  return found
end

-- The block after `<!-- tested: name -->` of either document.
local function block_named(name)
  for found, block in documents:gmatch "<!%-%- tested: (%S+) %-%->\n+```%l+\n(.-)```" do
    if found == name then return block end
  end
  error("neither README.md nor lua/README.md has a block " .. name)
end

-- Runs the blocks in one sh, as this server is called; what each printed, as a list.
local function run_blocks(list, site)
  local script = { "set -eu" }
  for i, block in ipairs(list) do
    script[#script + 1] = ("printf '\\n=== %d\\n'"):format(i)
    script[#script + 1] = block:gsub(ADDRESS, "http://127.0.0.1:" .. site.port):gsub(PROGRAM, paths.binary(), nil)
  end
  local result = process.run({ "sh" }, { input = table.concat(script, "\n"), env = site.env, cwd = site.dir })
  assert(result.code == 0, result.out .. result.err)
  local outputs = {}
  for text in (result.out .. "\n==="):gmatch "=== %d+\n(.-)\n%f[=]" do outputs[#outputs + 1] = text end
  return outputs
end

describe("README.md", function()
  local outputs

  setup(function()
    local database = cluster.fresh "demo"
    database.run(IN_AN_HOUR)
    local site = server.start { database = database, workers = 1 }
    outputs = run_blocks(blocks(), site)
    site:stop()
  end)

  local function json_of(i)
    local text = assert(outputs[i], "no block " .. i):match "%b{}"
    assert(text, outputs[i])
    return cjson.decode(text)
  end

  it("finds free slots", function()
    local page = json_of(1)
    assert.is_true(#page.data > 0)
    assert.is_string(page.data[1].id)
  end)

  it("books one as a guest", function()
    local booking = json_of(2)
    assert.equal(json_of(1).data[1].id, booking.slotId)
    assert.is_string(booking.manageToken)
  end)

  it("looks at the booking", function()
    assert.equal(json_of(2).id, json_of(3).id)
  end)

  it("cancels the booking", function()
    assert.equal("CANCELLED", json_of(4).status)
  end)

  it("shows nothing else", function()
    assert.equal(4, #outputs)
  end)
end)

describe("what one adds after README.md and lua/README.md", function()
  local home, site

  setup(function()
    home = temp.dir()
    process.check { "cp", "-r", "lua", "migrations", "examples", home }
    site = server.start {
      database = cluster.fresh "demo", workers = 1,
      env = { MEDBOOKD_HOME = home, MEDBOOKD_PLUGINS_FOLDER = home .. "/plugins" },
    }
    process.check { "mkdir", home .. "/plugins" }
    for name in documents:gmatch "<!%-%- tested: (lua/%S+) %-%->" do
      paths.write(home .. "/" .. name, block_named(name))
    end
  end)

  it("is a route that is checked, put into service and answers", function()
    local page = cjson.decode(run_blocks({ block_named "route" }, site)[1]:match "%b{}%s*$")
    assert.equal(2, #page.data)
    for _, row in ipairs(page.data) do
      assert.is_string(row.language)
      assert.is_true(row.providers > 0)
    end
  end)

  it("is a test that passes", function()
    local spec = temp.dir() .. "/languages_spec.lua"
    paths.write(spec, block_named "spec/languages_spec.lua")
    local result = site:command("test", spec)
    assert.matches("3 successes / 0 failures / 0 errors", result.out, 1, true)
    assert.equal(0, result.code)
  end)

  it("is a job that greets every new booking", function()
    local database = site.options.database
    eventually(function()
      return #database.query [[SELECT 1 AS n FROM "OutboxCursor" WHERE "subscriber" = 'clinic.greet']] == 1
    end)
    database.run [[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
      VALUES ('booking.created', 'Booking', 'greeted', '{}')]]
    site:await_line(function(line) return line.msg == "hello" and line.booking == "greeted" end)
  end)

  it("is a mail that leaves", function()
    site.options.database.run [[INSERT INTO "Job" ("kind", "payload", "maxAttempts")
      SELECT 'server.mail', jsonb_build_object('kind', 'good-day', 'payload', jsonb_build_object('userId', "id")), 1
        FROM "User" WHERE "email" = 'admin@demo.example']]
    local mail = mailbox.parse(mailbox.read(site, mailbox.await(site, 1)[1]))
    assert.equal("<admin@demo.example>", mail.headers.to)
    assert.equal(("Good day, Ayanda Sithole. Find your doctor at http://127.0.0.1:%d/\n"):format(site.port), mail.text)
  end)

  it("is a query that refuses what it does not allow", function()
    assert.equal(422, site:get("/v1/languages?limit=0").status)
  end)

  it("is a route with a limit and a key of its own", function()
    local r = site:get "/v1/greetings"
    assert.same({ 200, "Sawubona", '"address";q=60;w=60' },
      { r.status, r.json.greeting, r.headers["ratelimit-policy"] })
    assert.matches("\n#greetings.rate = 60\n", site:command("config").out, 1, true)
  end)

  it("is a plugin that is made, tested and put into service", function()
    run_blocks({ block_named "plugin" }, site)
    assert.equal("clinic.hello", site:admin("/v1/admin/plugins").json.plugins[1].name)
  end)

  it("is named by medbookd check when a route lacks its permission", function()
    local path = home .. "/lua/routes/languages.lua"
    paths.write(path, (paths.read(path):gsub(', permission = "public"', "")))
    local result = site:command "check"
    assert.not_equal(0, result.code)
    assert.matches("routes/languages%.lua:%d+:%d+: route 1: a route needs 'permission'", result.out .. result.err)
  end)
end)

describe("the keys in README.md", function()
  it("exist and have these defaults", function()
    local sample = "\n" .. process.check({ paths.binary(), "config" }, { cwd = "/" }).out
    local table_text, rows = readme:match "\n| key | default.-\n\n", 0
    for key, default in table_text:gmatch "\n| `([^`]+)` | ([^|]*) |" do
      rows = rows + 1
      local value = sample:match("\n#" .. key:gsub("%.", "%%.") .. " = ?([^\n]*)")
      assert(value, "there is no key " .. key)
      local told = default:match "^`(.*)`$"
      if told then assert.equal(told, value, key) end
      if default == "none" then assert.equal("", value, key) end
    end
    assert.is_true(rows > 5)
  end)
end)
