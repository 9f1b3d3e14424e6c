-- Mails without a server for mail: jobs that become files. The kinds are those of tests/fixtures/mail.

local lfs = require "lfs"

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local mailbox = require "support.mailbox"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"

local JSON <const> = { headers = { ["Content-Type"] = "application/json" } }

describe("a mail", function()
  local app, database, dir

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  local function ended(status)
    return tonumber(value([[SELECT count(*) FROM "Job" WHERE "kind" = 'server.mail' AND "status" = '%s']], status))
  end

  local function lines(text) return app:log_lines(function(l) return l.msg == text end) end

  setup(function()
    dir = mailbox.home()
  end)
  before_each(function()
    database = cluster.fresh "schema"
    app = mailbox.start(database, dir, { MEDBOOKD_HTTP_PUBLIC_URL = "https://clinic.example/" })
  end)

  it("becomes a file that only its owner reads, and the log has the file's name", function()
    local r = app:post("/test/mails", [[{"kind":"test-letter","subject":"Zoë","text":"Héllo\n.\n","to":"a@b.example"}]],
      JSON)
    assert.equal(200, r.status, r.body)
    local name = mailbox.await(app, 1)[1]
    assert.matches("^20%d%d%d%d%d%dT%d%d%d%d%d%d%.%d%d%dZ%-test%-letter%.eml$", name)
    local file = app.data_dir .. "/mail"
    assert.equal("rwx------", lfs.attributes(file, "permissions"))
    assert.equal("rw-------", lfs.attributes(file .. "/" .. name, "permissions"))
    local parsed = mailbox.parse(mailbox.read(app, name))
    assert.equal("Héllo\n.\n", parsed.text)
    assert.equal("Zoë", parsed.headers.subject)
    assert.equal("<a@b.example>", parsed.headers.to)
    assert.equal("<medbookd@clinic.example>", parsed.headers.from)
    assert.equal("<" .. r.json.id .. "@clinic.example>", parsed.headers["message-id"])
    eventually(function() return ended "DONE" == 1 end, { what = "the job to be done" })
    local told = eventually(function()
      local l = lines "a mail was written to a file: no server for mail is configured"
      return l[1] and l
    end, { what = "the line of the log" })
    assert.equal(1, #told)
    assert.equal(name, told[1].file)
    assert.is_nil(app:log():find("b.example", 1, true))
  end)

  it("that nobody wants any more is none, and its job is done", function()
    assert.equal(200, app:post("/test/mails", [[{"kind":"test-letter"}]], JSON).status)
    eventually(function() return ended "DONE" == 1 end, { what = "the job to be done" })
    assert.same({}, mailbox.files(app))
  end)

  it("goes with the transaction that sends it", function()
    assert.equal(500, app:post("/test/mails/undone", [[{"kind":"test-letter","text":"x"}]], JSON).status)
    assert.equal("0", value [[SELECT count(*) FROM "Job" WHERE "kind" = 'server.mail']])
  end)

  it("is one while its key lives, and waits when it is told to", function()
    local body = [[{"kind":"test-letter","text":"x","key":"k","after":"1h"}]]
    assert.is_string(app:post("/test/mails", body, JSON).json.id)
    assert.is_not_string(app:post("/test/mails", body, JSON).json.id)
    assert.equal("1", value [[SELECT count(*) FROM "Job" WHERE "key" = 'k' AND "runAt" > now() + interval '50 min']])
  end)

  it("of an unknown kind is refused where it is sent, and the folder is named", function()
    assert.equal(500, app:post("/test/mails", [[{"kind":"test-leter","text":"x"}]], JSON).status)
    eventually(function()
      return app:log():find("there is no mail 'test-leter', a file of lua/mails/ (did you mean 'test-letter'?)", 1,
        true)
    end, { what = "the line of the log" })
  end)

  it("to what is no address is given up at once, and the address is not told", function()
    for _, to in ipairs { "nobody", "a@b.example\\r\\nBcc: c@d.example" } do
      app:post("/test/mails", ([[{"kind":"test-letter","text":"x","to":"%s"}]]):format(to), JSON)
    end
    eventually(function() return ended "DEAD" == 2 end, { what = "the jobs to be dead" })
    assert.equal("1 mail test-letter: address_invalid: that is no address for mail",
      value [[SELECT count(DISTINCT "lastError") || ' ' || min("lastError") FROM "Job" WHERE "attempts" = 1]])
    assert.same({}, mailbox.files(app))
    assert.is_nil(app:log():find("nobody", 1, true))
  end)

  it("whose file of mails/ is wrong is an error of the script, which is named, and repeated", function()
    app:post("/test/mails", [[{"kind":"test-broken"}]], JSON)
    local wrong = eventually(function()
      return value [[SELECT "lastError" FROM "Job" WHERE "attempts" = 1 AND "status" = 'PENDING']]
    end, { what = "the first attempt to fail" })
    assert.equal("mail test-broken: it needs 'to'", wrong)
  end)

  it("is tried again when the file cannot be written", function()
    process.check { "sh", "-c", ('echo x > "%s/mail"'):format(app.data_dir) }
    app:post("/test/mails", [[{"kind":"test-letter","text":"x"}]], JSON)
    local wrong = eventually(function()
      return value [[SELECT "lastError" FROM "Job" WHERE "attempts" = 1 AND "status" = 'PENDING']]
    end, { what = "the first attempt to fail" })
    assert.matches("^mail test%-letter: not_kept: .*/mail: no mail can be kept there: Not a directory$", wrong)
  end)

  it("is as many files as mails, also of one moment", function()
    database.run [[INSERT INTO "Job" ("kind", "payload", "maxAttempts")
      SELECT 'server.mail', jsonb_build_object('kind', 'test-letter', 'payload', jsonb_build_object('text', n::text)), 1
        FROM generate_series(1, 40) n]]
    local seen = {}
    for _, name in ipairs(mailbox.await(app, 40)) do
      assert.matches("%.eml$", name)
      seen[mailbox.parse(mailbox.read(app, name)).text] = true
    end
    for i = 1, 40 do assert.is_true(seen[i .. "\n"]) end
    eventually(function() return ended "DONE" == 40 end, { what = "the jobs to be done" })
    assert.equal(40, #mailbox.files(app, true))
  end)
end)

describe("a file of mails/", function()
  local function check(name, text)
    local home = mailbox.home()
    paths.write(home .. "/lua/mails/" .. name, text)
    return process.run({ paths.binary(), "check", "--set", "home=" .. home }, { within = 60 })
  end

  it("that is wrong is a fault when scripts load", function()
    local wrong = check("wrong.lua", "-- A table.\nreturn {}\n")
    assert.equal(1, wrong.code)
    assert.matches("mails/wrong.lua: a file of mails/ returns a function", wrong.err, 1, true)
    wrong = check("Wrong_one.lua", "-- A name.\nreturn function() end\n")
    assert.equal(1, wrong.code)
    assert.matches("mails/Wrong_one.lua: 'Wrong-one' is no kind of mail", wrong.err, 1, true)
    wrong = check("wrong.lua", "-- No Lua.\nreturn function( end\n")
    assert.equal(1, wrong.code)
    assert.matches("mails/wrong.lua:2:", wrong.err, 1, true)
  end)
end)
