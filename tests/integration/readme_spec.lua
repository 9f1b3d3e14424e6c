-- The commands of README.md work as they stand there: every shell block after a line
-- `<!-- tested -->` is run, in order and in one shell, against a demo server. Only the address is
-- replaced. The route that it adds is added to a copy of the scripts, and asked.

local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"
local temp = require "support.temp"

local ADDRESS <const> = "http://127.0.0.1:8080"

-- As the clinic is for a reader within its hours: every provider's first visit on site begins in an hour.
local IN_AN_HOUR <const> = [[
UPDATE "CalculatedAvailabilitySlot" SET "startTime" = now() + interval '1 hour', "endTime" = now() + interval '2 hours'
 WHERE "id" IN (SELECT DISTINCT ON ("providerId") "id" FROM "CalculatedAvailabilitySlot"
                 WHERE "isInPerson" ORDER BY "providerId", "startTime", "id")]]

local readme <const> = paths.read "README.md"

-- The tested blocks: a list of texts.
local function blocks()
  local found = {}
  for block in readme:gmatch "<!%-%- tested %-%->\n+```sh\n(.-)```" do found[#found + 1] = block end
  return found
end

-- The block after `<!-- tested: name -->`.
local function block_named(name)
  for found, block in readme:gmatch "<!%-%- tested: (%S+) %-%->\n+```%l+\n(.-)```" do
    if found == name then return block end
  end
  error("README.md has no block " .. name)
end

-- Runs the blocks in one bash; what each printed, as a list.
local function run_blocks(list, address)
  local script = { "set -eu" }
  for i, block in ipairs(list) do
    script[#script + 1] = ("printf '\\n=== %d\\n'"):format(i)
    script[#script + 1] = block:gsub(ADDRESS, address, nil)
  end
  local result = process.run({ "bash" }, { input = table.concat(script, "\n") })
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
    outputs = run_blocks(blocks(), "http://127.0.0.1:" .. site.port)
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

describe("the route of one's own in README.md", function()
  local home, site

  setup(function()
    home = temp.dir()
    process.check { "cp", "-r", "lua", "migrations", "examples", home }
    site = server.start { database = cluster.fresh "demo", workers = 1, env = { MEDBOOKD_HOME = home } }
    for name in readme:gmatch "<!%-%- tested: (lua/%S+) %-%->" do
      paths.write(home .. "/" .. name, block_named(name))
    end
  end)

  it("is accepted by medbookd check", function()
    local result = site:command "check"
    assert(result.code == 0, result.out .. result.err)
  end)

  it("is put into service by medbookd reload", function()
    local result = site:command "reload"
    assert(result.code == 0, result.out .. result.err)
  end)

  it("answers as a page of two rows", function()
    local page = cjson.decode(run_blocks({ block_named "request" }, "http://127.0.0.1:" .. site.port)[1])
    assert.equal(2, #page.data)
    for _, location in ipairs(page.data) do
      assert.is_string(location.name)
      assert.is_string(location.formattedAddress)
    end
  end)

  it("has a test that passes", function()
    local spec = temp.dir() .. "/locations_spec.lua"
    paths.write(spec, block_named "spec/locations_spec.lua")
    local result = site:command("test", spec)
    assert.matches("3 successes / 0 failures / 0 errors", result.out, 1, true)
    assert.equal(0, result.code)
  end)

  it("has a job that greets every new booking", function()
    local database = site.options.database
    eventually(function()
      return #database.query [[SELECT 1 AS n FROM "OutboxCursor" WHERE "subscriber" = 'clinic.greet']] == 1
    end)
    database.run [[INSERT INTO "Outbox" ("type", "resource", "resourceId", "payload")
      VALUES ('booking.created', 'Booking', 'greeted', '{}')]]
    eventually(function()
      return #site:log_lines(function(line) return line.msg == "hello" and line.booking == "greeted" end) > 0
    end)
  end)

  it("refuses what its query does not allow", function()
    assert.equal(422, site:get("/v1/locations?limit=0").status)
  end)

  it("is named by medbookd check when it lacks its permission", function()
    local path = home .. "/lua/routes/locations.lua"
    paths.write(path, (paths.read(path):gsub(', permission = "public"', "")))
    local result = site:command "check"
    assert.not_equal(0, result.code)
    assert.matches("routes/locations%.lua:%d+:%d+: route 1: a route needs 'permission'", result.out .. result.err)
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
