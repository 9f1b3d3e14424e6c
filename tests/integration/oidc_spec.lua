-- Signing in through a provider of OpenID Connect, by those who mean no good: with what is not theirs, not for here, or
-- was used before. What people do who mean well: tests/stories/oidc_spec.lua.

local browser = require "support.browser"
local cluster = require "support.cluster"
local http = require "support.http"
local lock = require "support.lock"
local native = require "support.native"
local oidc = require "support.oidc"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local AT_ONCE <const> = 20
local MEETING <const> = 6 -- fewer than a worker has connections

describe("a sign-in through a provider", function()
  local app, database, port, google, other, liar, env

  setup(function()
    port = native.free_port()
    google, other = oidc.provider(port, "google", "medbookd"), oidc.provider(port, "other", "es-medbookd")
    liar = oidc.liar("liar", "medbookd")
    local gone = { name = "gone", id = "medbookd", port = native.free_port() }
    gone.url = "http://127.0.0.1:" .. gone.port
    local misnamed = { name = "misnamed", id = "medbookd", port = liar.port, url = liar.url .. "/misnamed" }
    local plain = { name = "plain", id = "medbookd", port = liar.port, url = liar.url .. "/plain" }
    database = cluster.fresh "schema"
    env = oidc.environment(port, { google, other, liar, gone, misnamed, plain })
    app = server.start { database = database, workers = 1, port = port, env = env }
  end)

  local function value(sql, ...) return database.query(sql:format(...))[1].v end

  local function person(sub, changes)
    local made = { sub = sub, email = sub .. "@people.example", email_verified = true, name = "Somebody" }
    for key, it in pairs(changes or {}) do made[key] = it end
    return made
  end

  local function is_refused(answer, status, code)
    assert.equal(status, answer.status, answer.body)
    assert.equal(code, answer.json.code, answer.body)
    return answer
  end

  -- What an address holds behind ?.
  local function query_of(url)
    local made = {}
    for name, text in url:gmatch "[?&]([%w_]+)=([^&]*)" do
      made[name] = text:gsub("%%(%x%x)", function(pair) return string.char(tonumber(pair, 16)) end)
    end
    return made
  end

  local function callback_url(name, fields)
    local list = {}
    for key, text in pairs(fields) do list[#list + 1] = key .. "=" .. text end
    return ("http://127.0.0.1:%d/v1/auth/oidc/%s/callback?%s"):format(port, name, table.concat(list, "&"))
  end

  -- A browser that has begun, and what the provider was asked.
  local function begin(name)
    local visitor = browser.new()
    local answer = visitor:get(oidc.start_url(app, name))
    assert.equal(302, answer.status, answer.body)
    return visitor, query_of(answer.headers.location), answer
  end

  -- Where the page is sent when the liar says this: { claims, header, key, status, error }, where claims are over those
  -- of an honest token and false takes one out; with(fields) changes the query of the callback.
  local function lie(told, with)
    local visitor, asked = begin "liar"
    local claims = {
      iss = liar.url, aud = liar.id, sub = "l-1", email = "lied@people.example", email_verified = true,
      nonce = asked.nonce, iat = os.time(), exp = os.time() + 300,
    }
    for key, it in pairs(told.claims or {}) do
      if type(it) == "function" then it = it(asked) end
      claims[key] = it or nil
    end
    local code = { claims = claims, header = told.header, key = told.key, status = told.status, error = told.error }
    local fields = { state = asked.state, code = oidc.pack(code) }
    if with then with(fields) end
    local answer = visitor:get(callback_url("liar", fields))
    assert.is_nil(visitor.cookies.oidc)
    return answer.headers.location or answer.body
  end

  local function is_believed(told, with)
    assert.matches("^https://clinic%.example#code=[%w_-]+$", (lie(told, with)))
  end

  local function is_disbelieved(told, code, with)
    local before = value [[SELECT count(*) AS v FROM "SignInCode"]]
    assert.equal("https://clinic.example#error=" .. (code or "sign_in_refused"), (lie(told, with)))
    assert.equal(before, value [[SELECT count(*) AS v FROM "SignInCode"]])
  end

  describe("goes back", function()
    it("to an origin that is listed, to the letter, and nowhere else", function()
      for _, origin in ipairs { "https://clinic.example", "https://app.example" } do
        assert.equal(302, app:get("/v1/auth/oidc/google/start?return=" .. origin).status)
      end
      for _, origin in ipairs {
        "https://evil.example", "https://clinic.example.evil.example", "https://clinic.example@evil.example",
        "https://clinic.example:443", "https://clinic.example:8443", "http://clinic.example", "//clinic.example",
        "https://clinic.example/", "https://clinic.example/page", "https://clinic.example%2F.evil.example",
        "https://clinic.example%23@evil.example", "https://clinic.example%3F", "https://clinic.example%5C.evil.example",
        "HTTPS://clinic.example", "https://Clinic.example", "%20https://clinic.example", "https://clinic.example%20",
        "https://clinic.example,https://app.example", "javascript:alert(1)", "https://", "*", "null", "example",
      } do
        local answer = is_refused(app:get("/v1/auth/oidc/google/start?return=" .. origin), 422, "validation_failed")
        assert.is_nil(answer.headers["set-cookie"])
        assert.is_nil(answer.headers.location)
      end
      is_refused(app:get "/v1/auth/oidc/google/start", 422, "validation_failed")
    end)

    it("with an error when the person says no, or the provider is not there, or not what it should be", function()
      local got = oidc.visit(app, "google", "nobody")
      assert.same({ oidc.RETURN, "access_denied" }, { got.back, got.error })
      for _, name in ipairs { "gone", "misnamed", "plain" } do
        got = oidc.visit(app, name, "nobody")
        assert.same({ oidc.RETURN, "provider_unavailable" }, { got.back, got.error })
      end
      is_refused(app:get("/v1/auth/oidc/nobody/start?return=" .. oidc.RETURN), 404, "not_found")
      is_refused(app:get "/v1/auth/oidc/nobody/callback?code=a&state=b", 404, "not_found")
    end)
  end)

  describe("of one browser", function()
    it("has one cookie that no page can read and no other site sends", function()
      local visitor, asked, answer = begin "google"
      assert.matches("^oidc=[%w_.-]+; Path=/; Max%-Age=600; HttpOnly; SameSite=Lax$", answer.headers["set-cookie"])
      assert.equal("no-store", answer.headers["cache-control"])
      assert.same({ "code", "S256", "openid email profile", "medbookd" },
        { asked.response_type, asked.code_challenge_method, asked.scope, asked.client_id })
      for _, name in ipairs { "state", "nonce", "code_challenge" } do
        assert.is_true(#asked[name] >= 43)
        assert.is_nil(visitor.cookies.oidc.value:find(asked[name], 1, true))
      end
    end)

    it("ends in no other: without its cookie, with another's, or with one that was changed", function()
      local got = {}
      oidc.visit(app, "google", person "g-cookie", { turn = function(url)
        if not url:find "/callback" then return url end
        got.url = url
      end })
      local stranger, asked = begin "google"
      is_refused(browser.new():get(got.url), 400, "invalid_state")
      is_refused(stranger:get(got.url), 400, "invalid_state")
      local cookie = stranger.cookies.oidc
      local url = callback_url("google", { state = asked.state, error = "access_denied" })
      for i = 1, #cookie.value, 7 do
        local was = cookie.value:sub(i, i)
        local changed = { value = cookie.value:sub(1, i - 1) .. (was == "A" and "B" or "A") .. cookie.value:sub(i + 1),
                          path = "/" }
        stranger.cookies.oidc = changed
        is_refused(stranger:get(url), 400, "invalid_state")
        assert.equal(changed, stranger.cookies.oidc) -- and whoever led the browser there has not ended its sign-in
      end
      stranger.cookies.oidc = cookie
      assert.equal("https://clinic.example#error=access_denied", stranger:get(url).headers.location)
    end)

    it("has its state, which is no other's and goes to no other provider", function()
      local visitor, asked = begin "google"
      local _, others = begin "google"
      for _, state in ipairs { others.state, asked.nonce, "", asked.state .. "A", asked.state:sub(2) } do
        is_refused(visitor:get(callback_url("google", { state = state, code = "x" })), 400, "invalid_state")
      end
      is_refused(visitor:get(callback_url("google", { code = "x" })), 400, "invalid_state")
      is_refused(visitor:get(callback_url("liar", { state = asked.state, code = "x" })), 400, "invalid_state")
      is_refused(visitor:get(callback_url("google", { state = asked.state, code = "x" }) .. "&state=" .. asked.state),
        400, "invalid_query")
      assert.equal("https://clinic.example#error=sign_in_refused",
        visitor:get(callback_url("google", { state = asked.state, code = "x" })).headers.location)
    end)

    it("uses the provider's code once, and no other browser's", function()
      local visitor, kept, urls = browser.new(), nil, {}
      local got = oidc.visit(app, "google", person "g-replay", { browser = visitor, turn = function(url)
        if url:find "/callback" then urls[1], kept = url, visitor.cookies.oidc end
        return url
      end })
      assert.is_string(got.code)
      is_refused(visitor:get(urls[1]), 400, "invalid_state") -- the cookie is gone
      visitor.cookies.oidc = kept
      assert.equal("https://clinic.example#error=sign_in_refused", visitor:get(urls[1]).headers.location)

      -- A code that was stolen on its way, put in by another's own sign-in: PKCE and nonce.
      oidc.visit(app, "google", person "g-stolen", { turn = function(url)
        if not url:find "/callback" then return url end
        urls[2] = query_of(url).code
      end })
      local thief, asked = begin "google"
      assert.equal("https://clinic.example#error=sign_in_refused",
        thief:get(callback_url("google", { state = asked.state, code = urls[2] })).headers.location)
    end)

    it("asks for the nonce that it wants back", function()
      local got = oidc.visit(app, "google", person "g-nonce", { turn = function(url)
        return (url:gsub("([?&]nonce=)[%w_-]+", "%1" .. ("n"):rep(43)))
      end })
      assert.same({ oidc.RETURN, "sign_in_refused" }, { got.back, got.error })
      assert.equal("0", value [[SELECT count(*) AS v FROM "User" WHERE "email" = 'g-nonce@people.example']])
    end)

    it("may begin at one machine and end at another that has the same key", function()
      local second = server.make { database = database, workers = 1, env = env }
      process.check { "cp", "-a", app.data_dir, second.data_dir }
      process.check { "rm", "-f", second.data_dir .. "/control.sock", second.data_dir .. "/medbookd.lock" }
      second:start()
      local stranger = server.start { database = database, workers = 1, env = env }
      for _, case in ipairs { { second, "code" }, { stranger, "invalid_state" } } do
        local got = oidc.visit(app, "google", person "g-machine", { turn = function(url)
          return url:find "/callback" and url:gsub(":%d+/", (":%d/"):format(case[1].port), 1) or url
        end })
        if case[2] == "code" then
          assert.equal(200, oidc.exchange(app, got.code).status)
        else
          is_refused(got.answer, 400, case[2])
        end
      end
      second:stop()
      stranger:stop()
    end)
  end)

  describe("believes an ID token", function()
    it("that is signed by RS256 or ES256, for us, now, and by the keys of its issuer", function()
      is_believed {}
      is_believed { header = { alg = "ES256", kid = "ec-1" }, key = "ec" }
      is_believed { claims = { aud = { "medbookd" } } }
      is_believed { claims = { aud = { "else", "medbookd" }, azp = "medbookd" } }
      is_believed { claims = { iat = os.time() + 30, exp = os.time() - 30 } } -- clocks differ
      is_believed({}, function(fields) fields.iss = liar.url end)
    end)

    it("by no other algorithm and no other key", function()
      is_disbelieved { header = { alg = "none" }, key = "none" }
      is_disbelieved { header = { alg = "HS256" }, key = "public" }
      is_disbelieved { header = { alg = "RS256" }, key = "public" }
      is_disbelieved { header = { alg = "ES256" } }
      is_disbelieved { header = { alg = "RS256", kid = "ec-1" }, key = "ec" }
      is_disbelieved { key = "stranger" }
      is_disbelieved { header = { kid = "of nobody" } }
      is_disbelieved { header = { crit = { "b64" }, b64 = true } }
    end)

    it("of no other issuer, audience, time and nonce", function()
      for claim, wrong in pairs {
        iss = { false, "http://127.0.0.1:1", liar.url .. "/", google.url },
        aud = { false, "es-medbookd", "", { "else" }, { "else", "medbookd" }, { medbookd = true } },
        azp = { "else" },
        exp = { false, os.time() - 3600, "9999999999" },
        iat = { false, os.time() + 3600 },
        nonce = { false, "", ("n"):rep(43), function(asked) return asked.state end },
        sub = { false, "", ("s"):rep(256), "a\0b", "l-1\n", 7, "é" },
      } do
        for _, it in ipairs(wrong) do is_disbelieved { claims = { [claim] = it } } end
      end
      is_disbelieved({}, nil, function(fields) fields.iss = google.url end)
    end)

    it("with an address only that the provider has verified", function()
      local before = value [[SELECT count(*) AS v FROM "LoginAttempt"]]
      for _, it in ipairs { false, "true", 1 } do
        is_disbelieved({ claims = { email_verified = it } }, "email_not_verified")
      end
      assert.equal("3", value([[SELECT count(*) - %s AS v FROM "LoginAttempt"]], before))
      assert.equal("3", value [[SELECT count(*) AS v FROM "LoginAttempt" WHERE "email" = 'lied@people.example'
        AND "failureReason" = 'email_not_verified' AND "ipAddress" = '127.0.0.1' AND NOT "success"]])
      for _, it in ipairs { false, "", "nobody", "a@b@c.example", ("x"):rep(250) .. "@people.example", 7 } do
        is_disbelieved({ claims = { email = it } }, "email_not_verified")
      end
    end)

    it("and nobody when the provider refuses the code, or fails", function()
      is_disbelieved { status = 400, error = "invalid_grant" }
      is_disbelieved { error = "invalid_grant" }
      is_disbelieved({ status = 500 }, "provider_unavailable")
      is_disbelieved({}, nil, function(fields) fields.error = "server_error" end)
      is_disbelieved({}, nil, function(fields) fields.code = nil end)
      is_disbelieved({}, nil, function(fields) fields.code = "" end)
    end)

    it("of a key that is new, which is asked for once", function()
      is_believed {}
      local before = liar.get "/counts"
      is_believed {}
      assert.equal(before["/keys"], liar.get "/counts"["/keys"])
      liar.get "/rotate"
      is_believed {}
      is_believed {}
      assert.equal(before["/keys"] + 1, liar.get "/counts"["/keys"])
      is_disbelieved { header = { kid = "of nobody" } }
      assert.equal(before["/keys"] + 2, liar.get "/counts"["/keys"])
      assert.equal(before["/.well-known/openid-configuration"], liar.get "/counts"["/.well-known/openid-configuration"])
    end)
  end)

  describe("ends with a code", function()
    it("that works once, though many exchange it at once", function()
      local code, clients, seen = oidc.visit(app, "google", person "g-once").code, {}, {}
      local bytes = http.format("POST", "/v1/auth/oidc/exchange", { body = { code = code } })
      for i = 1, AT_ONCE do clients[i] = app:connect { timeout = 30 } end
      for i = 1, AT_ONCE do assert(clients[i]:send(bytes)) end
      for i = 1, AT_ONCE do
        local answer = assert(clients[i]:read "POST")
        local what = answer.status == 200 and "200" or is_refused(answer, 401, "invalid_sign_in").json.code
        seen[what] = (seen[what] or 0) + 1
        clients[i]:close()
      end
      assert.same({ ["200"] = 1, invalid_sign_in = AT_ONCE - 1 }, seen)
      is_refused(oidc.exchange(app, "nothing"), 401, "invalid_sign_in")
    end)

    it("that works for a minute", function()
      local code = oidc.visit(app, "google", person "g-late").code
      assert.equal("60", value [[SELECT extract(epoch FROM "expiresAt" - "createdAt")::integer AS v FROM "SignInCode"
        WHERE "email" = 'g-late@people.example']])
      database.run [[UPDATE "SignInCode" SET "expiresAt" = now() - interval '1 s']]
      is_refused(oidc.exchange(app, code), 401, "invalid_sign_in")
      assert.equal("0", value [[SELECT count(*) AS v FROM "User" WHERE "email" = 'g-late@people.example']])
    end)

    it("of one person who comes from many browsers at once: one account", function()
      local codes, clients, users, count = {}, {}, {}, 0
      for i = 1, MEETING do
        local name = i % 2 == 0 and "google" or "other"
        codes[i] = oidc.visit(app, name, person("at-once-" .. name, { email = "At-Once@people.example" })).code
      end
      for i = 1, MEETING do clients[i] = app:connect { timeout = 30 } end
      lock.hold(database, [[LOCK TABLE "User" IN SHARE MODE]])
      for i = 1, MEETING do
        assert(clients[i]:send(http.format("POST", "/v1/auth/oidc/exchange", { body = { code = codes[i] } })))
      end
      lock.await(database, MEETING)
      lock.release(database)
      for i = 1, MEETING do
        local answer = assert(clients[i]:read "POST")
        assert.equal(200, answer.status, answer.body)
        if not users[answer.json.userId] then count = count + 1 end
        users[answer.json.userId] = true
        clients[i]:close()
      end
      assert.equal(1, count)
      assert.equal("1", value [[SELECT count(*) AS v FROM "User" WHERE lower("email") = 'at-once@people.example']])
      assert.equal("2", value([[SELECT count(*) AS v FROM "Account" WHERE "userId" = '%s']], next(users)))
    end)

    it("and is written down as a sign-in by password is, without any token of the provider", function()
      local user = oidc.exchange(app, oidc.visit(app, "google", person "g-noted").code).json.userId
      assert.equal("1", value([[SELECT count(*) AS v FROM "LoginAttempt" WHERE "userId" = '%s' AND "success"
        AND "email" = 'g-noted@people.example' AND "ipAddress" = '127.0.0.1']], user))
      local actions = value([[SELECT string_agg("action", ' ' ORDER BY "action") AS v FROM "AuditLog"
        WHERE "resourceId" = '%s']], user)
      assert.equal("SIGNED_IN USER_REGISTERED", actions)
      assert.equal("google", value([[SELECT "metadata" ->> 'provider' AS v FROM "AuditLog" WHERE "resourceId" = '%s'
        AND "action" = 'USER_REGISTERED']], user))
      assert.equal("1", value [[SELECT count(*) AS v FROM "Account" WHERE "providerAccountId" = 'g-noted'
        AND "type" = 'oidc' AND coalesce("access_token", "refresh_token", "id_token", "session_state") IS NULL]])
    end)

    it("but not of an account that is locked, which stays as it is", function()
      local first = oidc.exchange(app, oidc.visit(app, "google", person "g-locked").code).json.userId
      database.run(([[UPDATE "User" SET "accountLockedUntil" = 'infinity' WHERE "id" = '%s']]):format(first))
      is_refused(oidc.exchange(app, oidc.visit(app, "google", person "g-locked").code), 403, "account_locked")
      local again = person("o-locked", { email = "g-locked@people.example" })
      is_refused(oidc.exchange(app, oidc.visit(app, "other", again).code), 403, "account_locked")
      assert.equal("1", value([[SELECT count(*) AS v FROM "Account" WHERE "userId" = '%s']], first))
      assert.equal("2", value([[SELECT count(*) AS v FROM "LoginAttempt" WHERE "userId" = '%s'
        AND "failureReason" = 'locked']], first))
    end)

    it("and leaves neither codes nor tokens in the log", function()
      local secrets = {}
      local got = oidc.visit(app, "google", person "g-log", { turn = function(url)
        for _, text in pairs(query_of(url)) do
          if #text > 20 and not text:find "[:/]" then secrets[#secrets + 1] = text end
        end
        return url
      end })
      secrets[#secrets + 1], secrets[#secrets + 2] = got.code, oidc.exchange(app, got.code).json.token
      lie { key = "stranger" }
      assert.is_true(#secrets > 5)
      app:get "/v1/nothing-after-this"
      app:await_line(function(it) return it.path == "/v1/nothing-after-this" end)
      for _, text in ipairs(secrets) do assert.is_nil(app:log():find(text, 1, true)) end
      assert.is_nil(app:log():find("people.example", 1, true))
      local line = app:log_lines(function(it) return it.msg == "a sign-in through a provider failed" end)
      assert.equal("ID token: signature", line[#line].why)
    end)
  end)

  it("goes by the secret that stood in its file at the last start", function()
    local file = env.MEDBOOKD_OIDC_GOOGLE_CLIENT_SECRET_FILE
    for _, case in ipairs { { "another", "sign_in_refused" }, { oidc.SECRET } } do
      paths.write(file, case[1] .. "\n")
      app:restart()
      local got = oidc.visit(app, "google", person "g-secret")
      assert.equal(case[2], got.error)
      assert.equal(case[2] == nil, got.code ~= nil)
    end
  end)

  describe("of a server that is reached over TLS", function()
    local secure

    setup(function()
      local all = { MEDBOOKD_HTTP_PUBLIC_URL = "https://api.clinic.example", MEDBOOKD_OIDC_RATE_ADDRESS = "3" }
      for key, it in pairs(env) do all[key] = all[key] or it end
      secure = server.start { database = database, workers = 1, env = all }
    end)

    it("has a cookie that only this host sets and is sent over TLS only; and begins so often", function()
      for _ = 1, 3 do
        local answer = secure:get("/v1/auth/oidc/google/start?return=" .. oidc.RETURN)
        assert.equal(302, answer.status)
        assert.matches("^__Host%-oidc=[%w_.-]+; Path=/; Max%-Age=600; HttpOnly; SameSite=Lax; Secure$",
          answer.headers["set-cookie"])
        assert.equal("https://api.clinic.example/v1/auth/oidc/google/callback",
          query_of(answer.headers.location).redirect_uri)
      end
      is_refused(secure:get("/v1/auth/oidc/google/start?return=" .. oidc.RETURN), 429, "rate_limited")
    end)
  end)

  describe("is refused before it starts", function()
    -- What `medbookd check` says with these keys changed.
    local function complaint(changes)
      local all = {}
      for key, it in pairs(env) do all[key] = it end
      for key, it in pairs(changes) do all["MEDBOOKD_OIDC_" .. key] = it end
      local result = server.make({ env = all }):command "check"
      assert.equal(next(changes) and 1 or 0, result.code, result.err)
      return result.err
    end

    it("when a provider could not be asked safely, or everybody would be given sessions", function()
      complaint {}
      for _, issuer in ipairs {
        "", "http://accounts.example", "http://192.168.1.1", "accounts.example", "ftp://accounts.example",
        "https://accounts.example?a=b", "https://accounts.example#a", "https://", "http://127.0.0.1.evil.example",
      } do
        assert.matches("oidc.google.issuer: must be an https:// address", complaint { GOOGLE_ISSUER = issuer }, 1, true)
      end
      assert.matches("needs oidc.google.client_id and", complaint { GOOGLE_CLIENT_ID = "" }, 1, true)
      assert.matches("needs oidc.google.client_id and", complaint { GOOGLE_CLIENT_SECRET_FILE = "" }, 1, true)
      assert.matches("it must be a file that exists", complaint { GOOGLE_CLIENT_SECRET_FILE = "/none" }, 1, true)
      assert.matches("'google' is there twice", complaint { PROVIDERS = "google, google" }, 1, true)
      for _, name in ipairs { "Google", "1st", "goo-gle", "a/b", ("x"):rep(21) } do
        assert.matches(("'%s' is no name"):format(name), complaint { PROVIDERS = name }, 1, true)
      end
      assert.matches("every origin would be given sessions", complaint { RETURN_ORIGINS = "*" }, 1, true)
      assert.matches("origins such as", complaint { RETURN_ORIGINS = "https://clinic.example/page" }, 1, true)
    end)
  end)
end)
