-- People get accounts, use them from several devices, forget passwords and change addresses, on an installation that
-- has nothing but its administrator.

local cjson = require "cjson"
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local letters = require "support.letters"
local lock = require "support.lock"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local AT_ONCE <const> = 20
-- "seven lazy cranes" by Argon2id, at lower costs than ours.
local OF_ANOTHER <const> =
  "$argon2id$v=19$m=8192,t=1,p=1$QBBamaTj5ibhzhRfP6M6YA$kaaEoCsvYUEd6QnlTfIZcljA/Li7aAK5Oermch33jjY"
local ALTERED <const>, PIPELINED <const> = 10000, 100
local ALPHABET <const> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

describe("an account", function()
  local app, database

  setup(function()
    database = cluster.fresh "schema"
    app = server.start { database = database, workers = 2, env = {
      MEDBOOKD_JOBS_POLL_INTERVAL = "50ms", MEDBOOKD_DATABASE_LOCK_TIMEOUT = "9s",
      MEDBOOKD_PLUGINS_FOLDER = paths.root .. "/tests/fixtures/contact_codes/plugins",
    } }
  end)

  local function post(path, body, token, headers)
    headers = headers or {}
    headers.Authorization = token and "Bearer " .. token or nil
    return app:post(path, body, { headers = headers })
  end

  local function get(path, token) return app:get(path, { headers = { Authorization = "Bearer " .. token } }) end

  local function delete(path, token)
    return app:request("DELETE", path, { headers = { Authorization = "Bearer " .. token } })
  end

  local function is_refused(answer, status, code)
    assert.equal(status, answer.status, answer.body)
    assert.equal(code, answer.json.code, answer.body)
    return answer
  end

  local function register(email, password, name)
    local answer = post("/v1/auth/register", { name = name or "Thandi Mokoena", email = email, password = password })
    assert.equal(202, answer.status, answer.body)
    return answer
  end

  local function login(email, password, headers)
    return post("/v1/auth/login", { email = email, password = password }, nil, headers)
  end

  local function verify(token, password)
    return post("/v1/auth/verify-email", { token = token, password = password })
  end

  -- An account that was registered and verified.
  local function account(email, password)
    register(email, password)
    assert.equal(204, verify(letters.await(app, "verify-email", email).token, password).status)
  end

  local function value(sql, ...) return database.query(sql:format(...))[1].v end

  -- Sends the same request over so many connections at once; the answers.
  local function at_once(n, path, body)
    local clients, answers = {}, {}
    local bytes = http.format("POST", path, { body = body })
    for i = 1, n do clients[i] = app:connect { timeout = 30 } end
    for i = 1, n do assert(clients[i]:send(bytes)) end
    for i = 1, n do
      answers[i] = assert(clients[i]:read "POST")
      clients[i]:close()
    end
    return answers
  end

  describe("that begins", function()
    it("waits for its address to be verified, with the password that was registered", function()
      register("new@people.example", "seven lazy cranes")
      is_refused(login("new@people.example", "seven lazy cranes"), 401, "invalid_credentials")
      local letter = letters.await(app, "verify-email", "new@people.example")
      assert.is_truthy(letter.text:find("/verify-email#token=" .. letter.token, 1, true))
      is_refused(verify(letter.token, "another password"), 403, "wrong_password")
      assert.equal(204, verify(letter.token, "seven lazy cranes").status)
      is_refused(verify(letter.token, "seven lazy cranes"), 409, "token_used")
      local session = login("New@people.example", "seven lazy cranes")
      assert.equal(200, session.status, session.body)
      assert.equal("new@people.example", get("/v1/me", session.json.token).json.email)
    end)

    it("is told to nobody: a known address answers alike, and its owner hears of it", function()
      account("known@people.example", "seven lazy cranes")
      local known = register("KNOWN@people.example", "eight lazy cranes")
      local unknown = register("unknown@people.example", "eight lazy cranes")
      for _, name in ipairs { "content-length", "content-type", "cache-control" } do
        assert.equal(unknown.headers[name], known.headers[name], name)
      end
      assert.equal(unknown.body, known.body)
      letters.await(app, "already-registered", "known@people.example")
      assert.equal(200, login("known@people.example", "seven lazy cranes").status)
      is_refused(login("known@people.example", "eight lazy cranes"), 401, "invalid_credentials")
    end)

    it("is that of who registered last, and no click opens another's", function()
      local email = "twice@people.example"
      register(email, "the password of a thief", "A Thief")
      local first = letters.await(app, "verify-email", email)
      register(email, "seven lazy cranes", "Twice Mokoena")
      local second = letters.await(app, "verify-email", email, 2)
      is_refused(verify(first.token, "the password of a thief"), 401, "invalid_token")
      is_refused(verify(second.token, "the password of a thief"), 403, "wrong_password")
      assert.equal(204, verify(second.token, "seven lazy cranes").status)
      assert.equal("Twice Mokoena", get("/v1/me", login(email, "seven lazy cranes").json.token).json.name)
    end)

    it("has mails in which no stranger writes, before the address is verified", function()
      local email, name = "advertised@people.example", "prizes at https://thief.example"
      register(email, "seven lazy cranes", name)
      local verification = letters.await(app, "verify-email", email)
      assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status)
      assert.is_nil(letters.await(app, "reset-password", email).text:find(name, 1, true))
      assert.is_nil(verification.text:find(name, 1, true))
      assert.equal(204, verify(verification.token, "seven lazy cranes").status)
      assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status)
      assert.is_truthy(letters.await(app, "reset-password", email, 2).text:find("Dear " .. name, 1, true))
      local token = login(email, "seven lazy cranes").json.token
      local body = { email = "next@people.example", password = "seven lazy cranes" }
      assert.equal(202, post("/v1/me/change-email", body, token).status)
      assert.is_nil(letters.await(app, "change-email", body.email).text:find(name, 1, true))
    end)

    it("gets its link again, on request and by signing in with the right password", function()
      local email = "again@people.example"
      register(email, "seven lazy cranes")
      local first = letters.await(app, "verify-email", email)
      assert.equal(202, post("/v1/auth/resend-verification", { email = email }).status)
      assert.equal(first.token, letters.await(app, "verify-email", email, 2).token)
      is_refused(login(email, "a wrong password"), 401, "invalid_credentials")
      is_refused(login(email, "seven lazy cranes"), 401, "invalid_credentials")
      assert.equal(first.token, letters.await(app, "verify-email", email, 3).token)
      assert.equal(3, #letters.to(app, email))
    end)

    it("is one when it is registered twenty times at once", function()
      local answers = at_once(AT_ONCE, "/v1/auth/register",
        { name = "Race", email = "race@people.example", password = "seven lazy cranes" })
      for _, answer in ipairs(answers) do assert.equal(202, answer.status, answer.body) end
      assert.equal("1", value [[SELECT count(*) AS v FROM "User" WHERE "email" = 'race@people.example']])
      assert.equal("1", value [[SELECT count(*) AS v FROM "EmailVerificationToken"
        WHERE "identifier" = 'race@people.example']])
    end)

    it("has a password that is not guessed first, and not its own name or address", function()
      for _, password in ipairs { "password1", "Iloveyou", "thandi mokoena", "weak@people.example" } do
        local answer = post("/v1/auth/register",
          { name = "Thandi Mokoena", email = "weak@people.example", password = password })
        is_refused(answer, 422, "validation_failed")
        assert.equal("/password", answer.json.errors[1].pointer)
      end
      for _, password in ipairs { "seven", ("x"):rep(1025) } do
        is_refused(post("/v1/auth/register", { name = "T", email = "weak@people.example", password = password }), 422,
          "validation_failed")
      end
      register("long@people.example", ("\u{1F986}"):rep(1024))
      local letter = letters.await(app, "verify-email", "long@people.example")
      is_refused(verify(letter.token, ("\u{1F986}"):rep(1023) .. "x"), 403, "wrong_password")
      assert.equal(204, verify(letter.token, ("\u{1F986}"):rep(1024)).status)
    end)
  end)

  describe("whose password is forgotten", function()
    it("gets a new one by a link, once, and every session ends", function()
      local email = "forgot@people.example"
      account(email, "seven lazy cranes")
      local phone, laptop = login(email, "seven lazy cranes").json.token, login(email, "seven lazy cranes").json.token
      assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status)
      local token = letters.await(app, "reset-password", email).token
      is_refused(post("/v1/auth/reset-password", { token = token, password = "password1" }), 422, "validation_failed")
      local answers, seen = at_once(AT_ONCE, "/v1/auth/reset-password",
        { token = token, password = "nine quick otters" }), {}
      for _, answer in ipairs(answers) do
        local what = answer.status == 204 and "204" or is_refused(answer, 409, "token_used").json.code
        seen[what] = (seen[what] or 0) + 1
      end
      assert.same({ ["204"] = 1, token_used = AT_ONCE - 1 }, seen)
      for _, session in ipairs { phone, laptop } do is_refused(get("/v1/me", session), 401, "invalid_token") end
      is_refused(login(email, "seven lazy cranes"), 401, "invalid_credentials")
      assert.equal(200, login(email, "nine quick otters").status)
      letters.await(app, "password-changed", email)
    end)

    it("tells nobody whether there is an account", function()
      account("real@people.example", "seven lazy cranes")
      local real = post("/v1/auth/forgot-password", { email = "real@people.example" })
      local unreal = post("/v1/auth/forgot-password", { email = "unreal@people.example" })
      assert.same({ real.status, real.body }, { unreal.status, unreal.body })
      assert.equal(202, post("/v1/auth/resend-verification", { email = "unreal@people.example" }).status)
      letters.await(app, "reset-password", "real@people.example")
      assert.same({}, letters.to(app, "unreal@people.example"))
      assert.equal("2", value [[SELECT count(*) AS v FROM "Job" WHERE "kind" = 'server.mail'
        AND "payload" #>> '{payload,userId}' LIKE 'nobody-%%']])
    end)

    it("gets five mails in an hour, and one more when it is over", function()
      local email = "flood@people.example"
      account(email, "seven lazy cranes")
      for _ = 1, 9 do assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status) end
      letters.await(app, "reset-password", email, 5)
      eventually(function()
        return value([[SELECT string_agg(n || ' ' || s, ' ' ORDER BY s) AS v FROM (
          SELECT count(*) AS n, j."status"::text AS s FROM "Job" j
            JOIN "User" u ON u."id" = j."payload" #>> '{payload,userId}' AND u."email" = '%s'
           WHERE j."payload" ->> 'kind' = 'reset-password'
             AND (j."status" = 'DONE' OR j."runAt" > now() + interval '59 min') GROUP BY 2) x]],
          email) == "5 DONE 1 PENDING"
      end)
    end)

    it("opens by no link whose time is over, and has no mail that nobody wants any more", function()
      local email = "late@people.example"
      register(email, "seven lazy cranes")
      local link = letters.await(app, "verify-email", email).token
      database.run(([[UPDATE "EmailVerificationToken" SET "expires" = now() WHERE "identifier" = '%s']]):format(email))
      is_refused(verify(link, "seven lazy cranes"), 401, "invalid_token")
      assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status)
      local reset = letters.await(app, "reset-password", email).token
      database.run [[UPDATE "PasswordResetToken" SET "expires" = now() WHERE "usedAt" IS NULL]]
      is_refused(post("/v1/auth/reset-password", { token = reset, password = "nine quick otters" }), 401,
        "invalid_token")
      -- A job that comes too late: nothing waits.
      database.run(([[INSERT INTO "Job" ("id", "kind", "payload", "maxAttempts") SELECT 'too-late', 'server.mail',
        jsonb_build_object('kind', 'reset-password', 'payload', jsonb_build_object('userId', "id")), 1
          FROM "User" WHERE "email" = '%s']]):format(email))
      eventually(function() return value [[SELECT "status" AS v FROM "Job" WHERE "id" = 'too-late']] == "DONE" end)
      assert.equal(2, #letters.to(app, email))
    end)

    it("opens by none of 10,000 altered links", function()
      local token, seen = letters.await(app, "verify-email", "new@people.example").token, {}
      local client = app:connect { timeout = 30 }
      for at = 1, ALTERED, PIPELINED do
        local requests = {}
        for i = at, at + PIPELINED - 1 do
          local place = i % #token + 1
          local letter = ALPHABET:sub(i % #ALPHABET + 1, i % #ALPHABET + 1)
          local altered = token:sub(1, place - 1) .. (token:sub(place, place) == letter and "." or letter)
            .. (i % 7 == 0 and "" or token:sub(place + 1))
          requests[#requests + 1] = http.format("POST", i % 2 == 0 and "/v1/auth/verify-email"
            or "/v1/auth/reset-password", { body = { token = altered, password = "seven lazy cranes" } })
        end
        assert(client:send(table.concat(requests)))
        for _ = 1, PIPELINED do
          local answer = client:read "POST"
          local what = answer.status .. " " .. answer.json.code
          seen[what] = (seen[what] or 0) + 1
        end
      end
      client:close()
      assert.same({ ["401 invalid_token"] = ALTERED }, seen)
    end)
  end)

  describe("whose password is guessed at", function()
    local guarded

    setup(function()
      guarded = server.start {
        database = cluster.fresh "schema", workers = 2,
        env = { MEDBOOKD_HTTP_TRUSTED_PROXIES = "127.0.0.1", MEDBOOKD_AUTH_FAILURES_ADDRESS = false,
                MEDBOOKD_AUTH_LINK_RATE_ADDRESS = false, MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" },
      }
      local email, password = "guessed@people.example", "seven lazy cranes"
      assert.equal(202, guarded:post("/v1/auth/register", { name = "G", email = email, password = password }).status)
      local token = letters.await(guarded, "verify-email", email).token
      assert.equal(204, guarded:post("/v1/auth/verify-email", { token = token, password = password }).status)
    end)

    local function count(sql, ...) return guarded.options.database.query(sql:format(...))[1].v end

    local function try(email, password, address)
      return guarded:post("/v1/auth/login", { email = email, password = password },
        { headers = { ["X-Forwarded-For"] = address } })
    end

    it("is closed to an address after five wrong ones, whether it exists or not", function()
      for i, email in ipairs { "guessed@people.example", "nobody@people.example" } do
        local address = "192.0.2." .. i
        for _ = 1, 5 do is_refused(try(email, "wrong", address), 401, "invalid_credentials") end
        local answer = is_refused(try(email:upper(), "seven lazy cranes", address), 429, "too_many_attempts")
        local wait = tonumber(answer.headers["retry-after"])
        assert.is_true(wait > 800 and wait <= 900)
        assert.equal("5", count([[SELECT count(*) AS v FROM "LoginAttempt" WHERE lower("email") = '%s'
          AND "failureReason" IN ('wrong_password', 'unknown_account')
          AND "ipAddress" = '%s']], email, address))
        for _ = 1, 20 do is_refused(try(email, "wrong", address), 429, "too_many_attempts") end
        assert.equal("1", count([[SELECT count(*) AS v FROM "LoginAttempt" WHERE lower("email") = '%s'
          AND "failureReason" = 'too_many_attempts' AND "ipAddress" = '%s']], email, address))
      end
      assert.equal(200, try("guessed@people.example", "seven lazy cranes", "192.0.2.3").status)
      assert.equal("1", count [[SELECT count(*) AS v FROM "LoginAttempt" WHERE "success"
        AND "ipAddress" = '192.0.2.3' AND "failureReason" IS NULL AND "userId" IS NOT NULL]])
    end)

    it("opens again by a new password, and not by the old one", function()
      assert.equal(202, guarded:post("/v1/auth/forgot-password", { email = "guessed@people.example" }).status)
      local token = letters.await(guarded, "reset-password", "guessed@people.example").token
      assert.equal(204, guarded:post("/v1/auth/reset-password",
        { token = token, password = "nine quick otters" }).status)
      assert.equal(200, try("guessed@people.example", "nine quick otters", "192.0.2.1").status)
      is_refused(try("guessed@people.example", "seven lazy cranes", "192.0.2.1"), 401, "invalid_credentials")
    end)

    it("has five wrong ones though many are tried at once", function()
      local clients, seen = {}, {}
      for i = 1, 40 do
        clients[i] = guarded:connect { timeout = 30 }
        clients[i]:send(http.format("POST", "/v1/auth/login", {
          headers = { ["X-Forwarded-For"] = "192.0.2.9" },
          body = { email = "crowd@people.example", password = "x" .. i },
        }))
      end
      for _, client in ipairs(clients) do
        local status = client:read("POST").status
        seen[status] = (seen[status] or 0) + 1
        client:close()
      end
      assert.same({ [401] = 5, [429] = 35 }, seen)
    end)

    it("closes to an address, or a network of IPv6, that has had thirty wrong ones for many accounts", function()
      for _, network in ipairs { "192.0.2.20", "2001:db8:5:5::%d" } do
        for i = 1, 30 do
          is_refused(try(("one%d@people.example"):format(i), "wrong", network:format(i)), 401, "invalid_credentials")
        end
        for i = 1, 5 do
          is_refused(try(("another%d@people.example"):format(i), "wrong", network:format(31)), 429, "too_many_attempts")
        end
        assert.equal("1", count([[SELECT count(*) AS v FROM "LoginAttempt"
          WHERE "failureReason" = 'too_many_attempts' AND "ipAddress" = '%s']], network:format(31)))
      end
      assert.equal(200, try("guessed@people.example", "nine quick otters", "2001:db8:5:6::1").status)
    end)

    it("lets its owner wait, but in, when it is guessed at from everywhere", function()
      local function send(email, password, address)
        local client = guarded:connect { timeout = 30 }
        client:send(http.format("POST", "/v1/auth/login",
          { headers = { ["X-Forwarded-For"] = address }, body = { email = email, password = password } }))
        return client
      end
      local clients = {}
      for i = 1, 25 do clients[i] = send("guessed@people.example", "wrong", "198.51.100." .. i) end
      for _, client in ipairs(clients) do
        assert.equal(401, client:read("POST").status)
        client:close()
      end
      for i = 1, 8 do -- they do not wait to the end
        local gone = send("guessed@people.example", "nine quick otters", "203.0.113." .. i)
        if i % 2 == 0 then gone:reset() else gone:close() end
      end
      local owner = send("guessed@people.example", "nine quick otters", "198.51.100.99")
      is_refused(try("somebody@people.example", "wrong", "198.51.100.98"), 401, "invalid_credentials")
      owner:settimeout(1)
      assert.same({ nil, "timeout" }, { owner:fill() })
      owner:settimeout(30)
      assert.equal(200, owner:read("POST").status)
      owner:close()
    end)
  end)

  describe("of somebody who is signed in", function()
    local function patch(token, body, tag)
      return app:request("PATCH", "/v1/me",
        { headers = { Authorization = "Bearer " .. token, ["If-Match"] = tag }, body = body })
    end

    it("changes its name, by who has seen it last", function()
      account("me@people.example", "seven lazy cranes")
      local token = login("me@people.example", "seven lazy cranes").json.token
      local before = get("/v1/me", token)
      is_refused(patch(token, { name = "Other" }), 428, "if_match_required")
      local changed = patch(token, { name = "  Zo\u{eb} " }, before.headers.etag)
      assert.equal(200, changed.status, changed.body)
      assert.equal("Zo\u{eb}", changed.json.name)
      is_refused(patch(token, { name = "Late" }, before.headers.etag), 412, "version_mismatch")
      is_refused(patch(token, { role = "ADMIN" }, changed.headers.etag), 422, "validation_failed")
      is_refused(patch(token, { name = cjson.null }, changed.headers.etag), 422, "validation_failed")
      assert.equal("1", value [[SELECT count(*) AS v FROM "AuditLog" WHERE "action" = 'USER_CHANGED'
        AND "userId" = "resourceId" AND "ipAddress" = '127.0.0.1' AND "requestId" IS NOT NULL]])
    end)

    it("has numbers once the code that was sent there comes back, and gives them up", function()
      account("numbers@people.example", "seven lazy cranes")
      local token = login("numbers@people.example", "seven lazy cranes").json.token
      local function code_to(number, kind)
        return eventually(function()
          return (database.query(([[SELECT "value" ->> 'code' AS v FROM "PluginState" WHERE "value" ->> 'to' = '%s'
            AND "value" ->> 'kind' = '%s']]):format(number, kind))[1] or {}).v
        end, { what = "the code to " .. number })
      end
      is_refused(patch(token, { phone = "+27825550123" }, get("/v1/me", token).headers.etag), 422, "validation_failed")
      assert.equal(202, post("/v1/me/phone", { phone = "+27825550123" }, token).status)
      assert.equal(202, post("/v1/me/whatsapp", { whatsapp = "+27825550124" }, token).status)
      local sms, whatsapp = code_to("+27825550123", "phone"), code_to("+27825550124", "whatsapp")
      assert.equal(cjson.null, get("/v1/me", token).json.phone)
      assert.equal(204, post("/v1/me/verify-phone", { code = sms }, token).status)
      is_refused(post("/v1/me/verify-phone", { code = sms }, token), 422, "invalid_code")
      assert.equal(204, post("/v1/me/verify-whatsapp", { code = whatsapp }, token).status)
      local me = get("/v1/me", token)
      assert.same({ "+27825550123", "+27825550124" }, { me.json.phone, me.json.whatsapp })
      assert.is_string(me.json.phoneVerified)
      assert.is_string(me.json.whatsappVerified)
      -- Another number: the old one stays until the new one is proved.
      assert.equal(202, post("/v1/me/phone", { phone = "+27825550125" }, token).status)
      assert.equal("+27825550123", get("/v1/me", token).json.phone)
      assert.equal(204, post("/v1/me/verify-phone", { code = code_to("+27825550125", "phone") }, token).status)
      me = patch(token, { whatsapp = cjson.null }, get("/v1/me", token).headers.etag).json
      assert.same({ "+27825550125", cjson.null, cjson.null }, { me.phone, me.whatsapp, me.whatsappVerified })
    end)

    it("has another password, and its other sessions end", function()
      account("password@people.example", "seven lazy cranes")
      local here = login("password@people.example", "seven lazy cranes").json.token
      local there = login("password@people.example", "seven lazy cranes").json.token
      local function change(current, new)
        return post("/v1/me/change-password", { currentPassword = current, newPassword = new }, here)
      end
      is_refused(change("a wrong password", "nine quick otters"), 403, "wrong_password")
      is_refused(change(nil, "nine quick otters"), 403, "wrong_password")
      is_refused(change("seven lazy cranes", "Password@People.example"), 422, "validation_failed")
      assert.equal(204, change("seven lazy cranes", "nine quick otters").status)
      assert.equal(200, get("/v1/me", here).status)
      is_refused(get("/v1/me", there), 401, "invalid_token")
      letters.await(app, "password-changed", "password@people.example")
      assert.equal(200, login("password@people.example", "nine quick otters").status)
      for _ = 1, 5 do is_refused(change("guess", "ten quick otters"), 403, "wrong_password") end
      is_refused(change("nine quick otters", "ten quick otters"), 429, "too_many_attempts")
    end)

    it("has another address once the new one's mail was read, and the old one is told", function()
      local old, new = "old@people.example", "moved@people.example"
      account(old, "seven lazy cranes")
      local token = login(old, "seven lazy cranes").json.token
      assert.equal(202, post("/v1/auth/forgot-password", { email = old }).status)
      local reset = letters.await(app, "reset-password", old).token
      is_refused(post("/v1/me/change-email", { email = new, password = "wrong" }, token), 403, "wrong_password")
      assert.equal(202, post("/v1/me/change-email", { email = new, password = "seven lazy cranes" }, token).status)
      local link = letters.await(app, "change-email", new).token
      assert.equal(old, get("/v1/me", token).json.email)
      is_refused(verify(link, "wrong"), 403, "wrong_password")
      assert.equal(204, verify(link, "seven lazy cranes").status)
      local me = get("/v1/me", token).json
      assert.equal(new, me.email)
      assert.is_string(me.emailVerified)
      letters.await(app, "email-changed", old)
      is_refused(login(old, "seven lazy cranes"), 401, "invalid_credentials")
      is_refused(post("/v1/auth/reset-password", { token = reset, password = "nine quick otters" }), 401,
        "invalid_token")
      assert.equal(200, login(new, "seven lazy cranes").status)
    end)

    it("learns of no other account by the address that it wants, and takes it from nobody", function()
      account("taken@people.example", "seven lazy cranes")
      account("wants@people.example", "seven lazy cranes")
      local token = login("wants@people.example", "seven lazy cranes").json.token
      local function want(email)
        return post("/v1/me/change-email", { email = email, password = "seven lazy cranes" }, token)
      end
      local taken, free = want "Taken@people.example", want "free@people.example"
      assert.same({ 202, taken.body }, { free.status, free.body })
      letters.await(app, "already-registered", "taken@people.example")
      local link = letters.await(app, "change-email", "free@people.example").token
      account("free@people.example", "another person's")
      is_refused(verify(link, "seven lazy cranes"), 401, "invalid_token")
      assert.equal("wants@people.example", get("/v1/me", token).json.email)
      -- Who has only registered it does not hold it.
      assert.equal(202, want("squatted@people.example").status)
      register("squatted@people.example", "the password of a thief")
      link = letters.await(app, "change-email", "squatted@people.example").token
      assert.equal(204, verify(link, "seven lazy cranes").status)
      assert.equal("squatted@people.example", get("/v1/me", token).json.email)
    end)

    it("without a password is proved by a sign-in that has just been", function()
      account("keyless@people.example", "seven lazy cranes")
      local token = login("keyless@people.example", "seven lazy cranes").json.token
      local function age(minutes)
        database.run(([[UPDATE "Session" s SET "createdAt" = now() - interval '%d min' FROM "User" u
          WHERE u."id" = s."userId" AND u."email" = 'keyless@people.example']]):format(minutes))
      end
      database.run [[UPDATE "User" SET "password" = NULL WHERE "email" = 'keyless@people.example']]
      is_refused(login("keyless@people.example", "seven lazy cranes"), 401, "invalid_credentials")
      age(11)
      is_refused(post("/v1/me/change-email", { email = "keyless2@people.example" }, token), 403,
        "recent_sign_in_required")
      is_refused(post("/v1/me/delete", {}, token), 403, "recent_sign_in_required")
      age(9)
      assert.equal(202, post("/v1/me/change-email", { email = "keyless2@people.example" }, token).status)
      assert.equal(204, verify(letters.await(app, "change-email", "keyless2@people.example").token).status)
      assert.equal(204, post("/v1/me/change-password", { newPassword = "nine quick otters" }, token).status)
      assert.equal(200, login("keyless2@people.example", "nine quick otters").status)
      is_refused(post("/v1/me/delete", {}, token), 403, "wrong_password")
    end)

    it("is not verified any more when another program changes its address", function()
      account("foreign@people.example", "seven lazy cranes")
      database.run [[UPDATE "User" SET "email" = 'Foreign@people.example' WHERE "email" = 'foreign@people.example']]
      assert.equal(200, login("foreign@people.example", "seven lazy cranes").status)
      database.run [[UPDATE "User" SET "email" = 'other@people.example' WHERE "email" = 'Foreign@people.example']]
      is_refused(login("other@people.example", "seven lazy cranes"), 401, "invalid_credentials")
      assert.equal(204, verify(letters.await(app, "verify-email", "other@people.example").token,
        "seven lazy cranes").status)
      assert.equal(200, login("other@people.example", "seven lazy cranes").status)
    end)
  end)

  describe("that is deleted", function()
    local function delete_account(token, password)
      return post("/v1/me/delete", { password = password }, token)
    end

    it("is nobody's any more, and its address is free", function()
      local email = "leaves@people.example"
      account(email, "seven lazy cranes")
      local session = login(email, "seven lazy cranes").json
      is_refused(login(email:upper(), "wrong"), 401, "invalid_credentials")
      is_refused(delete_account(session.token, "wrong"), 403, "wrong_password")
      assert.equal(204, delete_account(session.token, "seven lazy cranes").status)
      assert.equal("0", value([[SELECT count(*) AS v FROM "LoginAttempt"
        WHERE "userId" = '%s' OR "email" ILIKE '%s']], session.userId, email))
      is_refused(get("/v1/me", session.token), 401, "invalid_token")
      is_refused(login(email, "seven lazy cranes"), 401, "invalid_credentials")
      local row = database.query(([[SELECT to_jsonb(u) - '{id,createdAt,updatedAt,version,role,deletedAt}'::text[] AS v
        FROM "User" u WHERE "id" = '%s' AND "deletedAt" IS NOT NULL]]):format(session.userId))[1]
      for key, held in pairs(cjson.decode(row.v)) do assert.equal(cjson.null, held, key) end
      register(email, "seven lazy cranes")
      assert.equal(204, verify(letters.await(app, "verify-email", email, 2).token, "seven lazy cranes").status)
    end)

    it("is one that nothing needs: not of a provider, nor of the last owner of an organization", function()
      local email = "owner@people.example"
      account(email, "seven lazy cranes")
      local session = login(email, "seven lazy cranes").json
      database.run((([[
        INSERT INTO "Provider" ("id", "name", "userId", "image") VALUES ('p', 'Dr Owner', '$id', '');
        INSERT INTO "Organization" ("id", "name", "status")
        VALUES ('o', 'Kopano', 'ACTIVE'), ('x', 'Gone', 'CANCELLED');
        INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role")
        VALUES ('o', '$id', 'OWNER'), ('x', '$id', 'OWNER')]]):gsub("%$id", session.userId)))
      local answer = is_refused(delete_account(session.token, "seven lazy cranes"), 409, "account_in_use")
      assert.same({ { kind = "organization", id = "o", name = "Kopano" },
                    { kind = "provider", id = "p", name = "Dr Owner" } }, answer.json.holders)
      account("heir@people.example", "seven lazy cranes")
      database.run [[
        UPDATE "Provider" SET "status" = 'CANCELLED' WHERE "id" = 'p';
        INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role")
        SELECT 'o', "id", 'OWNER' FROM "User" WHERE "email" = 'heir@people.example']]
      assert.equal(204, delete_account(session.token, "seven lazy cranes").status)
      assert.same({ { name = "Former provider", status = "INACTIVE" } }, database.query(([[
        SELECT p."name", m."status" FROM "Provider" p JOIN "OrganizationMembership" m USING ("userId")
         WHERE p."userId" = '%s' AND m."organizationId" = 'o']]):format(session.userId)))
    end)

    it("leaves an owner, when both last ones go at once", function()
      local tokens = {}
      database.run [[INSERT INTO "Organization" ("id", "name") VALUES ('both', 'Both')]]
      for i = 1, 2 do
        account("both" .. i .. "@people.example", "seven lazy cranes")
        local session = login("both" .. i .. "@people.example", "seven lazy cranes").json
        tokens[i] = session.token
        database.run(([[INSERT INTO "OrganizationMembership" ("organizationId", "userId", "role")
          VALUES ('both', '%s', 'OWNER')]]):format(session.userId))
      end
      local clients, seen = {}, {}
      lock.hold(database, [[LOCK TABLE "AuditLog" IN SHARE MODE]]) -- the first waits there, with all it holds
      for i, token in ipairs(tokens) do
        clients[i] = app:connect { timeout = 30 }
        clients[i]:send(http.format("POST", "/v1/me/delete",
          { headers = { Authorization = "Bearer " .. token }, body = { password = "seven lazy cranes" } }))
      end
      lock.await(database, 2)
      lock.release(database)
      for _, client in ipairs(clients) do
        local status = client:read("POST").status
        seen[status] = (seen[status] or 0) + 1
        client:close()
      end
      assert.same({ [204] = 1, [409] = 1 }, seen)
    end)
  end)

  describe("that is used on two devices", function()
    it("shows where, and ends a session at its next request on every worker", function()
      local email = "devices@people.example"
      account(email, "seven lazy cranes")
      local phone = login(email, "seven lazy cranes", { ["User-Agent"] = "Phone" }).json.token
      local laptop = login(email, "seven lazy cranes", { ["User-Agent"] = "Laptop" }).json.token
      local list = get("/v1/me/sessions", laptop).json.data
      assert.same({ "Laptop", "Phone" }, { list[1].userAgent, list[2].userAgent })
      assert.same({ true, false, "127.0.0.1" }, { list[1].isCurrent, list[2].isCurrent, list[2].ipAddress })
      assert.is_true(list[2].createdAt <= list[2].lastSeenAt and list[2].lastSeenAt < list[2].expiresAt)
      assert.same(list[2], get("/v1/me/sessions/" .. list[2].id, laptop).json)
      assert.equal(204, delete("/v1/me/sessions/" .. list[2].id, laptop).status)
      is_refused(get("/v1/me/sessions/" .. list[2].id, laptop), 404, "not_found")
      for _ = 1, 8 do is_refused(get("/v1/me", phone), 401, "invalid_token") end
      is_refused(delete("/v1/me/sessions/" .. list[2].id, laptop), 404, "not_found")
      assert.equal(200, get("/v1/me", laptop).status)
    end)

    it("is signed in to by many at once", function()
      local answers = at_once(5, "/v1/auth/login", { email = "devices@people.example", password = "seven lazy cranes" })
      for _, answer in ipairs(answers) do assert.equal(200, answer.status, answer.body) end
    end)

    it("ends all of them but one", function()
      local email = "devices@people.example"
      local one, other = login(email, "seven lazy cranes").json.token, login(email, "seven lazy cranes").json.token
      local first = get("/v1/me/sessions?limit=1", one).json
      assert.equal(1, #first.data)
      assert.is_true(#get("/v1/me/sessions?limit=1&cursor=" .. first.nextCursor, one).json.data == 1)
      assert.equal(204, delete("/v1/me/sessions", one).status)
      assert.equal(1, #get("/v1/me/sessions", one).json.data)
      is_refused(get("/v1/me", other), 401, "invalid_token")
      assert.equal("2", value [[SELECT count(*) AS v FROM "AuditLog" a JOIN "User" u ON u."id" = a."userId"
        WHERE a."action" = 'SESSIONS_REVOKED' AND u."email" = 'devices@people.example']])
    end)
  end)

  it("keeps its password under the server's key, also one that was hashed without it", function()
    local function stored()
      return value [[SELECT "password" AS v FROM "User" WHERE "email" = 'hash@people.example']]
    end
    account("hash@people.example", "seven lazy cranes")
    assert.matches("^hmac1:%$argon2id%$v=19%$m=19456,t=2,p=1%$", stored())
    -- Of the same password as it is, with other costs: of another program.
    database.run(([[UPDATE "User" SET "password" = '%s' WHERE "email" = 'hash@people.example']]):format(OF_ANOTHER))
    is_refused(login("hash@people.example", "nine lazy cranes"), 401, "invalid_credentials")
    local answers = at_once(3, "/v1/auth/login", { email = "hash@people.example", password = "seven lazy cranes" })
    for _, answer in ipairs(answers) do assert.equal(200, answer.status, answer.body) end
    eventually(function() return stored():find "^hmac1:%$argon2id%$v=19%$m=19456,t=2,p=1%$" end)
    is_refused(login("hash@people.example", "nine lazy cranes"), 401, "invalid_credentials")
    assert.equal(200, login("hash@people.example", "seven lazy cranes").status)
  end)

  it("leaves no password, token or key in the database or the log", function()
    local email = "secrets@people.example"
    account(email, "seven lazy cranes")
    assert.equal(202, post("/v1/auth/forgot-password", { email = email }).status)
    local secrets = {
      "seven lazy cranes", "nine quick otters", "a wrong password", login(email, "seven lazy cranes").json.token,
      letters.await(app, "verify-email", email).token, letters.await(app, "reset-password", email).token,
    }
    local texts = { app:log(), process.check({ "pg_dump", "-a", "-d", database.url }, { cwd = "/" }).out }
    for _, secret in ipairs(secrets) do
      for _, text in ipairs(texts) do assert.is_nil(text:find(secret, 1, true), secret) end
    end
    assert.is_truthy(texts[2]:find(email, 1, true))
  end)
end)
