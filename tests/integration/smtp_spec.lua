-- Mails by a server for mail: what it is told, what it answers and what becomes of the mail. The server is
-- tests/fixtures/mail/sink.js; `medbookd mail test` shows one mail, servers with jobs the rest.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local mailbox = require "support.mailbox"
local paths = require "support.paths"
local process = require "support.process"
local psql = require "support.psql"
local sinks = require "support.sink"
local temp = require "support.temp"

local JSON <const> = { headers = { ["Content-Type"] = "application/json" } }
local TO <const> = "patient@elsewhere.example"

-- What the configuration says of a server for mail.
local function settings(sink, more)
  local all = {
    MEDBOOKD_SMTP_HOST = "127.0.0.1", MEDBOOKD_SMTP_PORT = tostring(sink.port), MEDBOOKD_SMTP_SECURITY = "none",
    MEDBOOKD_SMTP_FROM = "no-reply@clinic.example", MEDBOOKD_HTTP_PUBLIC_URL = "https://clinic.example",
    MEDBOOKD_SMTP_TIMEOUT = "20s",
  }
  for key, value in pairs(more or {}) do all[key] = value end
  return all
end

describe("medbookd mail test", function()
  local dir, certificate, other

  setup(function()
    dir = temp.dir()
    certificate, other = sinks.certificate "localhost", sinks.certificate "localhost"
    paths.write(dir .. "/password", "pa:ss wörd\nand no more\n")
  end)

  local function send(sink, more, to)
    local env = settings(sink, more)
    env.MEDBOOKD_HOME, env.MEDBOOKD_DATA_DIR = paths.root, dir .. "/var"
    env.MEDBOOKD_DATABASE_URL = "host=nowhere.invalid"
    return process.run({ paths.binary(), "mail", "test", to or TO }, { env = env, cwd = dir, within = 60 })
  end

  -- Over TLS, by the name of the certificate.
  local function over(security, more)
    local all = {
      MEDBOOKD_SMTP_HOST = "localhost", MEDBOOKD_SMTP_SECURITY = security, MEDBOOKD_SMTP_CA_FILE = certificate.ca,
    }
    for key, value in pairs(more or {}) do all[key] = value end
    return all
  end

  local function with_login(security)
    return over(security, { MEDBOOKD_SMTP_USER = "desk", MEDBOOKD_SMTP_PASSWORD_FILE = dir .. "/password" })
  end

  local function keyed(options)
    options.key, options.cert = certificate.key, certificate.cert
    return sinks.start(options)
  end

  local function fails(result, what)
    assert.equal(1, result.code, result.out)
    assert.equal("", result.out)
    assert.matches(what, result.err)
  end

  it("sends one mail and tells what the server said", function()
    local sink = sinks.start()
    local result = send(sink)
    assert.equal(0, result.code, result.err)
    assert.equal(("127.0.0.1:%d took the mail: 250 2.0.0 queued as 7\n"):format(sink.port), result.out)
    assert.same({
      "EHLO clinic.example", "MAIL FROM:<no-reply@clinic.example>", "RCPT TO:<" .. TO .. ">", "DATA", "QUIT",
    }, sink:commands())
    local mails = sink:mails(1)
    assert.equal(1, #mails)
    local parsed = mailbox.parse(mails[1].mail)
    assert.equal("<" .. TO .. ">", parsed.headers.to)
    assert.equal("<no-reply@clinic.example>", parsed.headers.from)
    assert.matches("^<c%w+@clinic%.example>$", parsed.headers["message-id"])
    assert.matches("the server at https://clinic.example can send mail", parsed.text, 1, true)
  end)

  it("says goodbye and waits for nobody's answer to that", function()
    for _, options in ipairs {
      { answers = { QUIT = { "hang" } } }, { answers = { QUIT = { "hang" }, RCPT = { "550 5.1.1 no" } } },
    } do
      local sink = sinks.start(options)
      local result = send(sink, { MEDBOOKD_SMTP_TIMEOUT = "60s" })
      assert.equal(options.answers.RCPT and 1 or 0, result.code, result.err)
      local commands = sink:commands()
      assert.equal("QUIT", commands[#commands])
      eventually(function() return #sink:notes "closed" == 1 end, { what = "the connection to end" })
    end
  end)

  it("greets with an address in brackets where there is no name", function()
    for url, name in pairs { ["http://127.0.0.1:8080"] = "[127.0.0.1]", ["http://[::1]:8080"] = "[IPv6:::1]" } do
      local sink = sinks.start()
      assert.equal(0, send(sink, { MEDBOOKD_HTTP_PUBLIC_URL = url }).code)
      assert.equal("EHLO " .. name, sink:commands()[1])
    end
  end)

  it("begins TLS where the server offers it, and signs in within", function()
    for _, login in ipairs { "PLAIN", "LOGIN", "LOGIN PLAIN CRAM-MD5 XOAUTH2" } do
      local sink = keyed { security = "starttls", user = "desk", password = "pa:ss wörd", login = login }
      local result = send(sink, with_login "starttls")
      assert.equal(0, result.code, result.err)
      assert.same({ true, true }, { sink:notes "login"[1].right, sink:notes "login"[1].tls })
      assert.is_true(sink:mails(1)[1].tls)
      assert.equal("STARTTLS", sink:commands()[2])
    end
  end)

  it("speaks TLS from the first byte when told to", function()
    local sink = keyed { security = "tls", user = "desk", password = "pa:ss wörd" }
    local result = send(sink, with_login "tls")
    assert.equal(0, result.code, result.err)
    assert.is_true(sink:notes "login"[1].right)
    assert.is_true(sink:mails(1)[1].tls)
  end)

  it("sends nothing in clear where TLS is asked for and not to be had", function()
    for _, options in ipairs {
      { security = "none" }, { security = "starttls", hidesTls = true },
      { security = "starttls", answers = { STARTTLS = { "454 4.7.0 not now" } } },
      { security = "starttls", answers = { STARTTLS = { "502 5.5.1 never" } } },
    } do
      options.user, options.password = "desk", "pa:ss wörd"
      local sink = keyed(options)
      fails(send(sink, with_login "starttls"), "tls_missing")
      assert.same({}, sink:notes "mail")
      assert.same({}, sink:notes "login")
      for _, command in ipairs(sink:commands()) do
        assert.is_truthy(command:find "^EHLO" or command == "STARTTLS" or command == "QUIT", command)
      end
    end
    fails(send(keyed { security = "none" }, over("tls", { MEDBOOKD_SMTP_TIMEOUT = "2s" })), "tls_failed")
  end)

  it("takes no answer within TLS that came before it", function()
    local sink = keyed { security = "starttls", answers = { STARTTLS = { "220 go ahead\n250 offers nothing" } } }
    fails(send(sink, over "starttls"), "answer_invalid: ")
    assert.same({ "EHLO clinic.example", "STARTTLS" }, sink:commands())
  end)

  it("refuses a certificate of another authority, or for another name", function()
    for _, security in ipairs { "starttls", "tls" } do
      for _, wrong in ipairs { { MEDBOOKD_SMTP_CA_FILE = other.ca }, { MEDBOOKD_SMTP_HOST = "127.0.0.1" } } do
        local sink = keyed { security = security, user = "desk", password = "pa:ss wörd" }
        local env = with_login(security)
        for key, value in pairs(wrong) do env[key] = value end
        fails(send(sink, env), "tls_failed")
        assert.same({}, sink:notes "mail")
        assert.same({}, sink:notes "login")
      end
    end
  end)

  it("takes client.ca_file where it has no authorities of its own", function()
    local sink = keyed { security = "starttls" }
    local env = over("starttls", { MEDBOOKD_SMTP_CA_FILE = "", MEDBOOKD_CLIENT_CA_FILE = certificate.ca })
    assert.equal(0, send(sink, env).code)
    env.MEDBOOKD_CLIENT_CA_FILE = other.ca
    fails(send(sink, env), "tls_failed")
    env.MEDBOOKD_SMTP_CA_FILE = certificate.ca
    assert.equal(0, send(sink, env).code)
  end)

  it("tells a wrong password from a refused mail, and shows none", function()
    local sink = keyed { security = "starttls", user = "desk", password = "another" }
    local result = send(sink, with_login "starttls")
    fails(result, "login_failed: 535 5%.7%.8 no such user or password")
    assert.is_nil(result.err:find("pa:ss", 1, true))
    assert.same({}, sink:notes "mail")
    assert.equal(1, #sink:notes "login")
    sink = sinks.start { answers = { MAIL = { "530 5.7.0 sign in first" } } }
    fails(send(sink), "login_failed: 530 5%.7%.0 sign in first")
  end)

  it("tells what was refused, of all lines, in ASCII and without addresses", function()
    for name, answer in pairs {
      greeting = "554 5.3.2 no service", EHLO = "550 5.7.1 not you", MAIL = "553 5.1.8 not from there",
      RCPT = "550-5.1.1 <" .. TO .. "> is no\n550 5.1.1 user h\27\1ere", DATA = "554 5.5.1 no",
      text = "552 5.3.4 too large",
    } do
      local result = send(sinks.start { answers = { [name] = { answer } } })
      local told = name == "RCPT" and "550 5.1.1 [address] is no 5.1.1 user h??ere" or answer
      fails(result, "refused: ")
      assert.is_truthy(result.err:find("refused: " .. told .. "\n", 1, true), result.err)
    end
  end)

  it("ends where the server falls silent, at whatever point", function()
    for _, name in ipairs { "greeting", "EHLO", "MAIL", "RCPT", "DATA", "text" } do
      local result = send(sinks.start { answers = { [name] = { "hang" } } }, { MEDBOOKD_SMTP_TIMEOUT = "300ms" })
      fails(result, "timeout: ")
    end
  end)

  it("tells that the connection was cut, at whatever point", function()
    for _, name in ipairs { "greeting", "EHLO", "MAIL", "RCPT", "DATA", "text" } do
      fails(send(sinks.start { answers = { [name] = { "close" } } }), "connection_lost: ")
    end
  end)

  it("tells that there is nobody, or no such name, or no server for mail", function()
    local sink = sinks.start()
    sink.process:kill()
    fails(send(sink), "connect_failed: ")
    fails(send(sink, { MEDBOOKD_SMTP_HOST = "nowhere.invalid" }), "resolve_failed: ")
    fails(send(sinks.start { answers = { greeting = { "354 end with a dot" } } }), "answer_invalid: ")
  end)

  it("sends nothing to what is no address", function()
    local sink = sinks.start()
    for _, to in ipairs { "nobody", "a@b.example> SIZE=1", "a@b.example\r\nRCPT TO:<c@d.example>", "ü@b.example" } do
      fails(send(sink, nil, to), "address_invalid")
    end
    assert.same({}, sink:notes "connection")
  end)

  it("refuses a password file without a password", function()
    paths.write(dir .. "/empty", "\nsecond line\n")
    local sink = keyed { security = "starttls" }
    local env = over("starttls", { MEDBOOKD_SMTP_USER = "desk", MEDBOOKD_SMTP_PASSWORD_FILE = dir .. "/empty" })
    fails(send(sink, env), "empty: its first line must be the password")
  end)

  it("writes a file where no server for mail is configured", function()
    local app = mailbox.start(cluster.fresh "schema", paths.root)
    local result = app:command("mail", "test", TO)
    assert.equal(0, result.code, result.err)
    local name = mailbox.await(app, 1)[1]
    assert.matches("^%d+T%d+%.%d+Z%-test%.eml$", name)
    assert.equal(app.data_dir .. "/mail/" .. name .. ": written; no server for mail is configured (smtp.host)\n",
      result.out)
    assert.equal("<" .. TO .. ">", mailbox.parse(mailbox.read(app, name)).headers.to)
  end)

  it("says how it is called", function()
    for _, words in ipairs { {}, { "test" }, { "sent", TO } } do
      local result = process.run({ paths.binary(), "mail", table.unpack(words) }, { cwd = dir })
      assert.equal(64, result.code)
      assert.matches('say test ADDRESS after "mail"', result.err, 1, true)
    end
  end)
end)

describe("a server that sends mails", function()
  local database, dir

  local function value(sql, ...) return psql.value(database.url, sql:format(...)) end

  local function post(app, payload)
    return app:post("/test/mails", '{"kind":"test-letter",' .. payload .. "}", JSON).json.id
  end

  local function becomes(job, wanted)
    eventually(function() return value([[SELECT "status" FROM "Job" WHERE "id" = '%s']], job) == wanted end,
      { what = "the job to be " .. wanted })
  end

  local function error_of(job) return value([[SELECT "lastError" FROM "Job" WHERE "id" = '%s']], job) end

  -- Makes what waits for another attempt due, until the job is over.
  local function hurry(job)
    eventually(function()
      database.run([[UPDATE "Job" SET "runAt" = now() WHERE "status" = 'PENDING']])
      return value([[SELECT "finishedAt" FROM "Job" WHERE "id" = '%s']], job)
    end, { what = "the job to end" })
  end

  setup(function() dir = mailbox.home() end)
  before_each(function() database = cluster.fresh "schema" end)

  local function start(sink, more) return mailbox.start(database, dir, settings(sink, more)) end

  it("sends what a mail says, lines that begin with dots too", function()
    local sink = sinks.start()
    local app = start(sink)
    local text = ".\\n..\\n.hidden\\n\\n.\\r\\n.\\nHéllo.\\n...end\\n."
    becomes(post(app, ('"subject":"Zoë","text":"%s"'):format(text)), "DONE")
    becomes(post(app, '"text":".\\n..x\\n\\n."'), "DONE")
    local mails = sink:mails(2)
    assert.equal(2, #mails)
    assert.equal(".\n..\n.hidden\n\n.\n.\nHéllo.\n...end\n.\n", mailbox.parse(mails[1].mail).text)
    assert.equal("Zoë", mailbox.parse(mails[1].mail).headers.subject)
    assert.equal(".\n..x\n\n.\n", mailbox.parse(mails[2].mail).text)
    assert.is_truthy(mails[2].raw:find("\r\n\r\n..\r\n...x\r\n\r\n..\r\n", 1, true), mails[2].raw)
    assert.same({}, mailbox.files(app))
    eventually(function()
      return #app:log_lines(function(l) return l.msg == "a mail was sent" and l.kind == "test-letter" end) == 2
    end, { what = "the lines of the log" })
    assert.is_nil(app:log():find("patient@", 1, true))
  end)

  it("sends it again when it is told to wait, with the same Message-ID", function()
    local sink = sinks.start { answers = { RCPT = { "451 4.7.1 <patient@clinic.example> greylisted", "250 ok" } } }
    local app = start(sink)
    local job = post(app, '"text":"x"')
    eventually(function() return error_of(job) end, { what = "the first attempt to fail" })
    assert.equal("mail test-letter: refused: 451 4.7.1 [address] greylisted", error_of(job))
    hurry(job)
    becomes(job, "DONE")
    assert.equal(("<%s@clinic.example>"):format(job), mailbox.parse(sink:mails(1)[1].mail).headers["message-id"])
    assert.equal(1, #app:log_lines(function(l) return l.job == job and l.msg == "a job failed and is repeated" end))
    assert.is_nil(app:log():find("patient@", 1, true))
  end)

  it("sends twice what a server took without saying so", function()
    local sink = sinks.start { answers = { text = { "close", "250 ok" } } }
    local app = start(sink)
    local job = post(app, '"text":"x"')
    eventually(function() return error_of(job) end, { what = "the first attempt to fail" })
    hurry(job)
    becomes(job, "DONE")
    local mails = sink:mails(2)
    assert.equal(2, #mails)
    for _, it in ipairs(mails) do
      assert.equal(("<%s@clinic.example>"):format(job), mailbox.parse(it.mail).headers["message-id"])
    end
  end)

  it("gives up at once what is refused for good, and no login or greeting", function()
    for name, answers in pairs {
      RCPT = { "550 5.1.1 <patient@clinic.example> unknown" }, MAIL = { "553 5.1.8 no" }, text = { "554 5.7.1 spam" },
    } do
      local sink = sinks.start { answers = { [name] = answers } }
      local app = start(sink)
      local job = post(app, '"text":"x"')
      becomes(job, "DEAD")
      assert.equal("1", value([[SELECT "attempts" FROM "Job" WHERE "id" = '%s']], job))
      eventually(function()
        return #app:log_lines(function(l) return l.job == job and l.msg == "a job is dead" end) == 1
      end, { what = "the line of the log" })
      assert.is_nil(app:log():find("patient@", 1, true))
      app:stop()
    end
    for name, answers in pairs { greeting = { "554 5.3.2 closed" }, MAIL = { "535 5.7.8 sign in" } } do
      local app = start(sinks.start { answers = { [name] = answers } })
      local job = post(app, '"text":"x"')
      eventually(function() return error_of(job) end, { what = "the first attempt to fail" })
      becomes(job, "PENDING")
      app:stop()
    end
  end)

  it("is dead after ten attempts", function()
    local sink = sinks.start { answers = { RCPT = { "451 4.2.1 later" } } }
    local app = start(sink)
    local job = post(app, '"text":"x"')
    hurry(job)
    becomes(job, "DEAD")
    local refused = 0
    for _, command in ipairs(sink:commands()) do refused = refused + (command:find "^RCPT" and 1 or 0) end
    assert.equal(10, refused)
    assert.equal(200, app:get("/readyz").status)
  end)

  it("goes on with other jobs while one waits for a server that is silent", function()
    local sink = sinks.start { answers = { EHLO = { "hang", "hang", "250 sink.example" } } }
    local app = start(sink, { MEDBOOKD_JOBS_CONCURRENCY = "3" })
    local slow = { post(app, '"text":"x"'), post(app, '"text":"y"') }
    eventually(function() return #sink:commands() == 2 end, { what = "two mails to hang" })
    becomes(post(app, '"text":"z"'), "DONE")
    assert.equal("x: RUNNING RUNNING", "x: " .. value([[SELECT string_agg("status"::text, ' ') FROM "Job"
      WHERE "id" IN ('%s', '%s')]], slow[1], slow[2]))
  end)

  it("gives back a mail that hangs when it is stopped, and sends it when it is there again", function()
    local sink = sinks.start { answers = { MAIL = { "hang", "250 ok" } } }
    local app = start(sink, { MEDBOOKD_SHUTDOWN_TIMEOUT = "200ms", MEDBOOKD_SMTP_TIMEOUT = "60s" })
    local job = post(app, '"text":"x"')
    eventually(function() return #sink:commands() == 2 end, { what = "the mail to hang" })
    assert.same({ "exit", 0 }, { app:stop() })
    assert.equal("PENDING 0", value([[SELECT "status" || ' ' || "attempts" FROM "Job" WHERE "id" = '%s']], job))
    app:start()
    becomes(job, "DONE")
    assert.equal(1, #sink:mails(1))
  end)

  it("shows no password in its configuration and its log", function()
    local secret = temp.dir() .. "/password"
    paths.write(secret, "verysecret\n")
    local certificate = sinks.certificate "localhost"
    local sink = sinks.start {
      security = "starttls", user = "desk", password = "verysecret", key = certificate.key, cert = certificate.cert,
    }
    local app = start(sink, {
      MEDBOOKD_SMTP_HOST = "localhost", MEDBOOKD_SMTP_SECURITY = "starttls", MEDBOOKD_SMTP_CA_FILE = certificate.ca,
      MEDBOOKD_SMTP_USER = "desk", MEDBOOKD_SMTP_PASSWORD_FILE = secret,
    })
    becomes(post(app, '"text":"x"'), "DONE")
    assert.is_true(sink:notes "login"[1].right)
    local shown = app:command("config", "--effective").out
    assert.matches("smtp.password_file = " .. secret, shown, 1, true)
    assert.is_nil((shown .. app:log()):find("verysecret", 1, true))
  end)
end)

-- A mail in the server of the tests, and one in a real server beside it.
local SPEC <const> = [[
local test = require "medbookd.test"
local MAIL = [=[INSERT INTO "Job" ("kind", "payload", "maxAttempts")
  VALUES ('server.mail', '{"kind":"test","payload":{"to":"a@b.example"}}', 1)]=]
describe("a mail", function()
  it("is sent", function()
    test.query(MAIL)
    assert.equal(1, test.run_jobs().done)
    local app = test.server()
    app.query(MAIL)
    local status
    repeat
      status = app.query([=[SELECT "status" FROM "Job" WHERE "kind" = 'server.mail']=])[1].status
    until status ~= "PENDING" and status ~= "RUNNING"
    assert.equal("DONE", status)
    app.stop()
  end)
end)
]]

describe("medbookd test with a server for mail in its configuration", function()
  it("reaches nobody", function()
    local dir, sink = temp.dir(), sinks.start()
    local env = settings(sink)
    paths.write(dir .. "/mail_spec.lua", SPEC)
    env.MEDBOOKD_HOME = paths.root
    local result = process.run({ paths.binary(), "test", "mail_spec.lua" }, { env = env, cwd = dir, within = 120 })
    assert.equal(0, result.code, result.out .. result.err)
    assert.matches("1 success / 0 failures / 0 errors", result.out, 1, true)
    assert.same({}, sink:notes "connection")
  end)
end)

describe("a start with a server for mail", function()
  it("is refused without http.public_url, by key and line", function()
    local dir = temp.dir()
    paths.write(dir .. "/medbookd.conf", "# mail\nsmtp.host = mail.clinic.example\nsmtp.from = a@clinic.example\n")
    local result = process.run({ paths.binary(), "run", "--set", "data_dir=" .. dir .. "/var" },
      { cwd = dir, within = 60 })
    assert.equal(1, result.code)
    assert.matches("medbookd.conf:2: smtp.host needs http.public_url", result.err, 1, true)
  end)
end)
