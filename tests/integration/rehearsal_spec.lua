-- `medbookd test` and `medbookd plugin`: what authors of scripts test with. What medbookd.test promises is told by
-- tests/fixtures/rehearsal/passing_spec.lua, which runs below.
local hostile = require "support.libpq_environment"
local jobs = require "support.jobs"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local FIXTURES <const> = paths.root .. "/tests/fixtures/rehearsal"

-- { code, out, err } of medbookd with these words, in a folder and a TMPDIR of its own. What libpq finds in the
-- environment is for other databases than that of the tests.
local function run(words, options)
  local dir = temp.dir()
  local env = { TMPDIR = dir, MEDBOOKD_DATABASE_URL = false, MEDBOOKD_HOME = options and options.home or paths.root }
  for name, value in pairs(hostile) do env[name] = value end
  local result = process.run({ paths.binary(), table.unpack(words) }, {
    env = env, cwd = options and options.cwd or dir, within = 120,
  })
  result.left = process.run({ "ls", dir }, {}).out
  return result
end

local function plugins(folder) return "plugins.folder=" .. folder end

describe("medbookd test", function()
  it("runs specs over the scripts in one process, and keeps what medbookd.test promises", function()
    local home = jobs.home "rehearsal/spin.lua"
    local result = run({ "test", FIXTURES .. "/passing_spec.lua", "--set", plugins(FIXTURES .. "/plugins") },
      { home = home })
    assert.matches("32 successes / 0 failures / 0 errors / 0 pending", result.out, 1, true)
    assert.same({ 0, "" }, { result.code, result.left })
  end)

  it("ends with 1 when a test fails, and shows what the server logged during it", function()
    local result = run { "test", FIXTURES .. "/failing_spec.lua", "--set", plugins(FIXTURES .. "/plugins") }
    assert.matches("1 success / 1 failure / 1 error", result.out, 1, true)
    assert.matches("server log: [^\n]*on purpose", result.err)
    assert.same({ 1, "" }, { result.code, result.left })
  end)

  it("gives what follows -- to busted", function()
    local result = run { "test", FIXTURES .. "/failing_spec.lua", "--set", plugins(FIXTURES .. "/plugins"),
                         "--", "--filter=passes" }
    assert.matches("1 success / 0 failures", result.out, 1, true)
    assert.equal(0, result.code)
  end)

  it("tells the faults of scripts and runs nothing", function()
    local result = run { "test", FIXTURES .. "/passing_spec.lua", "--set", plugins(FIXTURES .. "/broken") }
    assert.matches("telepathy", result.err)
    assert.is_nil(result.out:find "success")
    assert.same({ 1, "" }, { result.code, result.left })
  end)

  it("ends what never ends and says what and where; all tests, where an error cannot end one", function()
    local words = { "test", "--set", plugins(FIXTURES .. "/plugins"), "--set", "test.timeout=300ms" }
    for _, name in ipairs { "endless", "lines", "stuck" } do
      words[#words + 1] = ("%s/%s_spec.lua"):format(FIXTURES, name)
    end
    table.move({ "--", "-o", "gtest" }, 1, 3, #words + 1, words)
    local result = run(words)
    for _, name in ipairs {
      "endless_spec.lua:7: it 'catches every error'", "endless_spec.lua:11: it 'makes coroutines'",
      "endless_spec.lua:15: it 'waits for the database'",
      "endless_spec.lua:17: it 'gives others a function that loops'",
      "endless_spec.lua:23: before_each", "endless_spec.lua:28: strict_setup 'setup'",
      "endless_spec.lua:32: describe 'as a describe:'",
      "file '" .. FIXTURES .. "/lines_spec.lua'",
    } do
      assert.matches(name .. " takes longer than test.timeout (300 ms)", result.out, 1, true)
    end
    assert.matches("lines_spec.lua:2: ended: ", result.out, 1, true)
    assert.matches("stuck_spec.lua:3: it 'is stuck' takes longer than test.timeout (300 ms)", result.err, 1, true)
    assert.same({ 1, "" }, { result.code, result.left })
  end)

  it("names a file that is not there", function()
    local result = run { "test", "nowhere_spec.lua" }
    assert.equal(1, result.code)
    assert.matches("nowhere_spec.lua", result.out .. result.err, 1, true)
  end)
end)

describe("medbookd plugin", function()
  it("makes a plugin that loads and whose tests pass", function()
    local cwd = temp.dir()
    local made = run({ "plugin", "new", "clinic.sms" }, { cwd = cwd })
    assert.same({ 0, "" }, { made.code, made.out })
    assert.matches("medbookd plugin test clinic.sms", made.err, 1, true)
    assert.is_nil(paths.read(cwd .. "/plugins/clinic.sms/plugin.lua"):find("example.plugin", 1, true))
    assert.equal(0, run({ "check" }, { cwd = cwd }).code)
    local tested = run({ "plugin", "test", "clinic.sms" }, { cwd = cwd })
    assert.matches("3 successes / 0 failures / 0 errors", tested.out, 1, true)
    assert.equal(0, tested.code)
  end)

  it("makes none where there is one, or by a name that is none", function()
    local cwd = temp.dir()
    assert.equal(0, run({ "plugin", "new", "clinic.sms" }, { cwd = cwd }).code)
    local again = run({ "plugin", "new", "clinic.sms" }, { cwd = cwd })
    assert.equal(1, again.code)
    assert.matches("it is there already", again.err, 1, true)
    for _, name in ipairs { "sms", "Clinic.sms", "clinic.", "../x.y", "clinic.sms.more" } do
      local refused = run({ "plugin", "new", name }, { cwd = cwd })
      assert.equal(1, refused.code, name)
      assert.matches("say vendor.name", refused.err, 1, true)
    end
  end)

  it("tests the examples, with the secrets that they bring for it", function()
    for folder, name in pairs { webhook = "clinic.webhook", ["clinic-rules"] = "clinic.rules" } do
      local result = run { "plugin", "test", name, "--set", plugins(paths.root .. "/examples/" .. folder) }
      assert.matches("2 successes / 0 failures / 0 errors", result.out, 1, true)
      assert.equal(0, result.code)
    end
  end)

  it("says what is missing", function()
    for _, case in ipairs {
      { { "plugin" }, "say new or test after" }, { { "plugin", "old", "a.b" }, "say new or test after" },
      { { "plugin", "test" }, "the name of a plugin must follow" },
      { { "plugin", "test", "a.b" }, "folder not found" },
    } do
      local result = run(case[1])
      assert.is_true(result.code ~= 0)
      assert.matches(case[2], result.err, 1, true)
    end
  end)
end)
