-- The platform's administrators: how the first is made, and what they do with accounts and with each other.

local cluster = require "support.cluster"
local http = require "support.http"
local lock_held = require "support.lock"
local letters = require "support.letters"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local PASSWORD <const> = "seven lazy cranes"

describe("administration", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    app = server.start { database = database, workers = 2,
                         env = { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_DATABASE_LOCK_TIMEOUT = "9s" } }
  end)

  local function request(method, path, token, body, headers)
    headers = headers or {}
    headers.Authorization = token and "Bearer " .. token or nil
    return app:request(method, path, { headers = headers, body = body })
  end

  local function is_refused(answer, status, code)
    assert.equal(status, answer.status, answer.body)
    assert.equal(code, answer.json.code, answer.body)
    return answer
  end

  local function login(email, password)
    return request("POST", "/v1/auth/login", nil, { email = email, password = password or PASSWORD })
  end

  local function create(options, input)
    local argv = { app.binary, "admin", "create", table.unpack(options) }
    return process.run(argv, { env = app.env, cwd = app.dir, input = input, within = 60 })
  end

  local function value(sql, ...) return database.query(sql:format(...))[1].v end

  -- A person of this role who is signed in: { id, token }.
  local function person(email, role)
    request("POST", "/v1/auth/register", nil, { name = "Somebody", email = email, password = PASSWORD })
    local token = letters.await(app, "verify-email", email).token
    assert.equal(204, request("POST", "/v1/auth/verify-email", nil, { token = token, password = PASSWORD }).status)
    database.run(([[UPDATE "User" SET "role" = '%s' WHERE "email" = '%s']]):format(role, email))
    local session = login(email).json
    return { id = session.userId, token = session.token, email = email }
  end

  local function set_role(by, whom, role)
    return request("PUT", ("/v1/users/%s/role"):format(whom.id), by.token, { role = role })
  end

  local function lock(by, whom)
    return request("POST", ("/v1/users/%s/lock"):format(whom.id), by.token, { reason = "asked for by phone" })
  end

  local function unlock(by, whom) return request("POST", ("/v1/users/%s/unlock"):format(whom.id), by.token) end

  describe("medbookd admin create", function()
    it("makes an administrator of a password from standard input, who signs in at once", function()
      local made = create({ "--email", "first@clinic.example", "--name", "Ayanda Sithole", "--password-stdin" },
        PASSWORD .. "\n")
      assert.same({ 0, "" }, { made.code, made.err })
      local session = login("first@clinic.example").json
      assert.equal(("user %s: SUPER_ADMIN, signs in as first@clinic.example\n"):format(session.userId), made.out)
      local me = request("GET", "/v1/me", session.token).json
      assert.same({ "SUPER_ADMIN", "Ayanda Sithole" }, { me.role, me.name })
      assert.equal("1", value([[SELECT count(*) AS v FROM "AuditLog" WHERE "action" = 'SUPER_ADMIN_CREATED'
        AND "resourceId" = '%s' AND "userAgent" = 'medbookd admin create']], session.userId))
    end)

    it("asks at a terminal, twice", function()
      local command = ("%s admin create --email terminal@clinic.example"):format(paths.binary())
      local function at_terminal(input)
        return process.run({ "script", "-qec", command, "/dev/null" },
          { env = app.env, cwd = app.dir, input = input, within = 60 })
      end
      local different = at_terminal(PASSWORD .. "\nseven lazy crows\n")
      assert.matches("these are two passwords", different.out, 1, true)
      local made = at_terminal(PASSWORD .. "\n" .. PASSWORD .. "\n")
      assert.matches("SUPER_ADMIN, signs in as terminal@clinic.example", made.out, 1, true)
      assert.equal(200, login("terminal@clinic.example").status)
      database.run [[UPDATE "User" SET "role" = 'USER' WHERE "email" = 'terminal@clinic.example']]
    end)

    it("refuses what no account may be, clearly and without a trace", function()
      for what, case in pairs {
        ["First@clinic.example: an account has this address already"] =
          { { "--email", "First@clinic.example", "--password-stdin" }, PASSWORD },
        ["the address is no e-mail address"] = { { "--email", "nobody", "--password-stdin" }, PASSWORD },
        ["the password needs 8 to 1024 characters"] =
          { { "--email", "b@clinic.example", "--password-stdin" }, "short" },
        ["the password is among the passwords that are guessed first"] =
          { { "--email", "b@clinic.example", "--password-stdin" }, "password1" },
        ["the password must not be the e-mail address or the name"] =
          { { "--email", "b@clinic.example", "--name", "Seven Lazy Cranes", "--password-stdin" }, PASSWORD },
        ["standard input has no line with a password"] =
          { { "--email", "b@clinic.example", "--password-stdin" }, "" },
        ["no terminal to ask for the password"] = { { "--email", "b@clinic.example" }, PASSWORD },
      } do
        local refused = create(case[1], case[2])
        assert.equal(1, refused.code, what)
        assert.matches(what, refused.err, 1, true)
        assert.is_nil(refused.err:find("traceback", 1, true))
      end
      assert.equal(64, create({ "--name", "x" }, "").code)
      assert.equal("0", value [[SELECT count(*) AS v FROM "User" WHERE "email" LIKE 'b@%%']])
    end)

    it("works on the embedded database, whether the server runs or not", function()
      local site = server.start { workers = 1 }
      local function make(email)
        local argv = { site.binary, "admin", "create", "--email", email, "--password-stdin" }
        return process.run(argv, { env = site.env, cwd = site.dir, input = PASSWORD .. "\n", within = 60 })
      end
      assert.equal(0, make("running@clinic.example").code)
      site:stop()
      local stopped = make "stopped@clinic.example"
      assert.equal(0, stopped.code, stopped.err)
      site:start()
      for _, who in ipairs { "running", "stopped" } do
        assert.equal(200, site:post("/v1/auth/login", { email = who .. "@clinic.example", password = PASSWORD }).status)
      end
      site:stop()
    end)

    it("takes an address from an account that nobody verified", function()
      request("POST", "/v1/auth/register", nil,
        { name = "A Thief", email = "second@clinic.example", password = "the password of a thief" })
      assert.equal(0, create({ "--email", "second@clinic.example", "--password-stdin" }, PASSWORD .. "\n").code)
      assert.equal(200, login("second@clinic.example").status)
      database.run [[UPDATE "User" SET "role" = 'USER' WHERE "email" = 'second@clinic.example']]
    end)
  end)

  describe("of accounts", function()
    local first, admin, other, user

    setup(function()
      local session = login("first@clinic.example").json
      first = { id = session.userId, token = session.token, email = "first@clinic.example" }
      admin, other = person("admin@clinic.example", "ADMIN"), person("other@clinic.example", "ADMIN")
      user = person("user@clinic.example", "USER")
    end)

    it("gives roles by a SUPER_ADMIN only, and ends the sessions of whoever has another", function()
      is_refused(set_role(user, admin, "USER"), 404, "not_found")
      is_refused(set_role(admin, user, "ADMIN"), 403, "not_allowed")
      is_refused(set_role(first, { id = "nobody" }, "ADMIN"), 404, "not_found")
      is_refused(set_role(first, user, "OWNER"), 422, "validation_failed")
      assert.equal(204, set_role(first, user, "ADMIN").status)
      is_refused(request("GET", "/v1/me", user.token), 401, "invalid_token")
      user.token = login(user.email).json.token
      assert.equal("ADMIN", request("GET", "/v1/me", user.token).json.role)
      assert.equal(204, set_role(first, user, "USER").status)
      user.token = login(user.email).json.token
      assert.equal("2", value([[SELECT count(*) AS v FROM "AuditLog" WHERE "action" = 'USER_ROLE_CHANGED'
        AND "userId" = '%s' AND "resourceId" = '%s' AND "category" = 'ADMIN_ACTION']], first.id, user.id))
    end)

    it("honours If-Match", function()
      local answer = request("PUT", ("/v1/users/%s/role"):format(user.id), first.token, { role = "ADMIN" },
        { ["If-Match"] = '"1"' })
      is_refused(answer, 412, "version_mismatch")
    end)

    it("locks and unlocks accounts below one's own", function()
      is_refused(lock(user, admin), 404, "not_found")
      is_refused(lock(admin, other), 403, "not_allowed")
      is_refused(lock(admin, first), 403, "not_allowed")
      is_refused(lock(admin, admin), 403, "not_allowed")
      assert.equal(204, lock(admin, user).status)
      local seen = request("GET", "/v1/users/" .. user.id, admin.token).json
      assert.same({ true, "asked for by phone" }, { seen.isLocked, seen.lockReason })
      is_refused(request("GET", "/v1/me", user.token), 401, "invalid_token")
      is_refused(login(user.email), 403, "account_locked")
      is_refused(login(user.email, "wrong"), 401, "invalid_credentials")
      assert.equal("locked", value([[SELECT "failureReason" AS v FROM "LoginAttempt" WHERE "userId" = '%s'
        AND "failureReason" <> 'wrong_password']], user.id))
      assert.equal(204, unlock(admin, user).status)
      assert.is_false(request("GET", "/v1/users/" .. user.id, admin.token).json.isLocked)
      user.token = login(user.email).json.token
      assert.equal(204, lock(first, other).status)
      assert.equal(204, unlock(first, other).status)
    end)

    it("keeps its last SUPER_ADMIN", function()
      is_refused(set_role(first, first, "USER"), 409, "last_super_admin")
      is_refused(lock(first, first), 409, "last_super_admin")
      is_refused(request("POST", "/v1/me/delete", first.token, { password = PASSWORD }), 409, "last_super_admin")
      assert.equal(204, set_role(first, other, "SUPER_ADMIN").status)
      is_refused(set_role(first, first, "USER"), 403, "not_allowed")
    end)

    it("has one left when the last two unmake each other at once", function()
      for _ = 1, 3 do
        database.run(([[UPDATE "User" SET "role" = 'SUPER_ADMIN' WHERE "id" IN ('%s', '%s')]]):format(first.id,
          other.id))
        first.token, other.token = login(first.email).json.token, login(other.email).json.token
        local clients, statuses = {}, {}
        lock_held.hold(database, [[LOCK TABLE "AuditLog" IN SHARE MODE]]) -- the first waits there, with all it holds
        for i, pair in ipairs { { first, other }, { other, first } } do
          clients[i] = app:connect { timeout = 30 }
          clients[i]:send(http.format("PUT", ("/v1/users/%s/role"):format(pair[2].id),
            { headers = { Authorization = "Bearer " .. pair[1].token }, body = { role = "USER" } }))
        end
        lock_held.await(database, 2)
        lock_held.release(database)
        for i, client in ipairs(clients) do
          statuses[i] = client:read("PUT").status
          client:close()
        end
        table.sort(statuses)
        assert.equal(204, statuses[1])
        assert.is_true(statuses[2] == 401 or statuses[2] == 403 or statuses[2] == 404, statuses[2])
        assert.equal("1", value [[SELECT count(*) AS v FROM "User" WHERE "role" = 'SUPER_ADMIN']])
      end
    end)
  end)
end)
