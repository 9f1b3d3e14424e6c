-- What examples/stories/ tells as curl works as it stands there: every shell block after a line `<!-- tested -->` is
-- run by sh, in order and in one shell, on an installation without demo data. Only the address and the program's path
-- are replaced.

local cjson = require "cjson"
local cluster = require "support.cluster"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local ADDRESS <const> = "http://127.0.0.1:8080"
local PROGRAM <const> = "build/release/medbookd" -- as after `./dev run`

-- What each block of a document printed, as a list.
local function run(name)
  local site = server.start {
    database = cluster.fresh "schema", workers = 1, env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" },
  }
  local script, count = { "set -eu" }, 0
  for block in paths.read("examples/stories/" .. name):gmatch "<!%-%- tested %-%->\n+```sh\n(.-)```" do
    count = count + 1
    script[#script + 1] = ("printf '\n=== %d\n'"):format(count):gsub("\n", "\\n")
    script[#script + 1] = block:gsub(ADDRESS, "http://127.0.0.1:" .. site.port):gsub(PROGRAM, paths.binary(), nil)
  end
  local result = process.run({ "sh" },
    { input = table.concat(script, "\n"), env = site.env, cwd = site.dir, within = 60 })
  assert(result.code == 0, result.out .. result.err)
  local outputs = {}
  for text in (result.out .. "\n==="):gmatch "=== %d+\n(.-)\n%f[=]" do outputs[#outputs + 1] = text end
  assert.equal(count, #outputs)
  site:stop()
  return outputs
end

describe("examples/stories", function()
  it("are all tested here", function()
    assert.same({ "account.md", "provider.md" }, native.list "examples/stories")
  end)

  it("account.md tells what happens", function()
    local told = run "account.md"
    assert.matches("^user c%w+: SUPER_ADMIN, signs in as ayanda@clinic.example", told[1])
    assert.equal("202\n", told[2])
    assert.equal("204\n", told[3])
    local sessions = cjson.decode(told[4]).data
    assert.same({ "Laptop", "Phone" }, { sessions[1].userAgent, sessions[2].userAgent })
    assert.equal("Thandi Nkuna", cjson.decode(told[5]).name)
    assert.equal("not_provided", cjson.decode(told[6]).code)
    local changed = told[7]:match "204\n(.*)"
    assert.equal("nkuna@people.example", cjson.decode(changed).email)
    assert.matches("^202\n204\n.*\"code\":\"invalid_token\"", told[8])
    assert.equal("204\n", told[9])
    assert.equal(9, #told)
  end)

  it("provider.md tells what happens", function()
    local told = run "provider.md"
    assert.matches("^user c%w+: SUPER_ADMIN, signs in as ayanda@clinic.example", told[1])
    assert.equal("membership number insured-until certificate graduated opened patients-a-week school",
      (told[2]:gsub("%s+$", ""):gsub("\n", " ")))
    assert.equal("not_found", cjson.decode(told[3]).code)
    assert.equal(("PENDING\n"):rep(7), told[4]:match "^[%u\n]+")
    assert.equal("certificate.pdf", cjson.decode(told[4]:match "{.*}").fileName)
    assert.matches("^8\n" .. ("APPROVED\n"):rep(6) .. "REJECTED\n{", told[5])
    local missing = {}
    for i, it in ipairs(cjson.decode(told[5]:match "{.*}").missing) do missing[i] = it.key .. " " .. it.status end
    assert.same({ "podiatrist.number REJECTED", "podiatrist.school PENDING" }, missing)
    assert.equal("PENDING\nAPPROVED\nAPPROVED\nAPPROVED\nTRIAL\n", told[6])
    assert.equal("", told[7])
    assert.equal("480.00", cjson.decode(told[8]:match "^Dr Noma Dlamini\n(.*)").price)
    assert.equal("not_bookable", cjson.decode(told[9]:match "{.-}\n").code)
    assert.equal(2, select(2, told[9]:gsub('"EXPIRED"', "")))
    assert.matches("^PENDING\nAPPROVED\nAPPROVED\nDr Noma Dlamini\n{", told[10])
    assert.equal(10, #told)
  end)
end)
