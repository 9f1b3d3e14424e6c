-- People sign in through a provider of OpenID Connect, and are the same person by whatever way they come.

local cluster = require "support.cluster"
local http = require "support.http"
local letters = require "support.letters"
local lock = require "support.lock"
local native = require "support.native"
local oidc = require "support.oidc"
local server = require "support.server"

describe("somebody who signs in through a provider", function()
  local app, database

  setup(function()
    local port = native.free_port()
    local google, other = oidc.provider(port, "google", "medbookd"), oidc.provider(port, "other", "es-medbookd")
    database = cluster.fresh "schema"
    app = server.start {
      database = database, workers = 2, port = port,
      env = oidc.environment(port, { google, other }, { MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" }),
    }
  end)

  local function post(path, body, token)
    return app:post(path, body, { headers = { Authorization = token and "Bearer " .. token or nil } })
  end

  local function get(path, token) return app:get(path, { headers = { Authorization = "Bearer " .. token } }) end

  local function value(sql, ...) return database.query(sql:format(...))[1].v end

  local function person(sub, email, name)
    return { sub = sub, email = email, email_verified = true, name = name }
  end

  local function sign_in(name, who, options)
    local got = oidc.visit(app, name, who, options)
    assert.equal(oidc.RETURN, got.back, got.url or got.answer.body)
    local answer = oidc.exchange(app, got.code)
    assert.equal(200, answer.status, answer.body)
    return answer.json
  end

  local function register(email, password)
    assert.equal(202, post("/v1/auth/register", { name = "Registered", email = email, password = password }).status)
    return letters.await(app, "verify-email", email).token
  end

  it("gets an account, verified, and the same one the next time and by either algorithm", function()
    local first = sign_in("google", person("g-1", "new@people.example", "Naledi New"))
    local me = get("/v1/me", first.token).json
    assert.same({ first.userId, "new@people.example", "Naledi New" }, { me.id, me.email, me.name })
    assert.is_string(me.emailVerified)
    -- The address at the provider may become another: the person stays.
    assert.equal(first.userId, sign_in("google", person("g-1", "changed@people.example", "Else")).userId)
    assert.equal(first.userId, sign_in("other", person("o-1", "NEW@people.example")).userId)
    local linked = get("/v1/me/accounts", first.token).json.data
    assert.equal(2, #linked)
    assert.same({ "other", "google" }, { linked[1].provider, linked[2].provider })
  end)

  it("is linked to the verified account of that address, which keeps its password", function()
    local email, password = "verified@people.example", "seven lazy cranes"
    assert.equal(204, post("/v1/auth/verify-email", { token = register(email, password), password = password }).status)
    local by_password = post("/v1/auth/login", { email = email, password = password }).json
    local by_provider = sign_in("google", person("g-2", email, "Someone Else"))
    assert.equal(by_password.userId, by_provider.userId)
    assert.equal("Registered", get("/v1/me", by_provider.token).json.name)
    assert.equal(200, get("/v1/me", by_password.token).status)
    assert.equal(200, post("/v1/auth/login", { email = email, password = password }).status)
  end)

  it("takes the account that only somebody else has registered, without their password, link and name", function()
    local email, password = "squatted@people.example", "the password of a thief"
    local link = register(email, password)
    local session = sign_in("google", person("g-3", email, "Rightful Owner"))
    local answer = post("/v1/auth/verify-email", { token = link, password = password })
    assert.same({ 401, "invalid_token" }, { answer.status, answer.json.code })
    assert.equal(401, post("/v1/auth/login", { email = email, password = password }).status)
    assert.equal("Rightful Owner", get("/v1/me", session.token).json.name)
    assert.equal("1", value [[SELECT count(*) AS v FROM "User" WHERE "email" = 'squatted@people.example'
      AND "password" IS NULL AND "pendingSince" IS NULL]])
  end)

  describe("and links one to their account", function()
    local PASSWORD <const> = "seven lazy cranes"

    -- The session of a new account with that password.
    local function account(email)
      local link = register(email, PASSWORD)
      assert.equal(204, post("/v1/auth/verify-email", { token = link, password = PASSWORD }).status)
      return post("/v1/auth/login", { email = email, password = PASSWORD }).json
    end

    local function begin_link(token, name, password)
      return post("/v1/me/accounts/" .. name, { ["return"] = oidc.RETURN, password = password }, token)
    end

    local function delete(path, token)
      return app:request("DELETE", path, { headers = { Authorization = "Bearer " .. token } })
    end

    local function is_refused(answer, status, code)
      assert.equal(status, answer.status, answer.body)
      assert.equal(code, answer.json.code, answer.body)
    end

    local function accounts_of(token) return get("/v1/me/accounts", token).json.data end

    -- The code with which the page ends the linking that this session begins as this person of the provider.
    local function link_code(session, name, who, password)
      local begun = begin_link(session.token, name, password)
      assert.equal(200, begun.status, begun.body)
      local got = oidc.visit(app, name, who, { url = begun.json.url })
      assert.equal(oidc.RETURN, got.back, got.url)
      return got.code
    end

    it("of another address, with their password, and signs in by it from then on", function()
      local mine = account "linking@people.example"
      local who = person("g-link", "private@elsewhere.example", "Somebody Else")
      is_refused(begin_link(mine.token, "google", "a wrong password"), 403, "wrong_password")
      is_refused(begin_link(mine.token, "google"), 403, "wrong_password")
      is_refused(begin_link(mine.token, "nobody", PASSWORD), 404, "not_found")
      local elsewhere = { ["return"] = "https://evil.example", password = PASSWORD }
      is_refused(post("/v1/me/accounts/google", elsewhere, mine.token), 422, "validation_failed")
      local answer = oidc.exchange(app, link_code(mine, "google", who, PASSWORD), mine.token)
      assert.same({ 200, mine.userId }, { answer.status, answer.json.userId })
      assert.equal(1, #accounts_of(mine.token))
      assert.equal(mine.userId, sign_in("google", who).userId)
      assert.equal("linking@people.example", get("/v1/me", answer.json.token).json.email)
      -- Once more is as good as once.
      assert.equal(200, oidc.exchange(app, link_code(mine, "google", who, PASSWORD), mine.token).status)
      assert.equal(1, #accounts_of(mine.token))
      assert.equal("1", value([[SELECT count(*) AS v FROM "AuditLog" WHERE "resourceId" = '%s'
        AND "action" = 'ACCOUNT_LINKED']], mine.userId))
    end)

    it("which nobody can be tricked into: it ends for whoever began it only", function()
      local thief, victim = account "thief@people.example", account "victim@people.example"
      local who = person("g-victim", "victim@elsewhere.example")
      is_refused(oidc.exchange(app, link_code(thief, "google", who, PASSWORD), victim.token), 401, "invalid_sign_in")
      is_refused(oidc.exchange(app, link_code(thief, "google", who, PASSWORD)), 401, "invalid_sign_in")
      assert.same({}, accounts_of(thief.token))
      assert.same({}, accounts_of(victim.token))
      assert.equal("0", value [[SELECT count(*) AS v FROM "Account" WHERE "providerAccountId" = 'g-victim']])
      local url = begin_link(thief.token, "google", PASSWORD).json.url
      for _, altered in ipairs {
        (url:gsub("link=.", "link=_")), url:sub(1, -2), url .. "A", (url:gsub("/google/", "/other/")),
      } do
        local got = oidc.visit(app, "google", who, { url = altered })
        assert.same({ oidc.RETURN, "invalid_state" }, { got.back, got.error })
      end
    end)

    it("unless it is somebody else's", function()
      local first, second = account "first@people.example", account "second@people.example"
      local who = person("g-shared", "shared@elsewhere.example")
      assert.equal(200, oidc.exchange(app, link_code(first, "google", who, PASSWORD), first.token).status)
      is_refused(oidc.exchange(app, link_code(second, "google", who, PASSWORD), second.token), 409, "account_linked")
      assert.same({}, accounts_of(second.token))
      is_refused(delete("/v1/me/accounts/" .. accounts_of(first.token)[1].id, second.token), 404, "not_found")
    end)

    it("and takes it away, but not the last way in", function()
      local session = sign_in("google", person("g-only", "only@people.example"))
      local path = "/v1/me/accounts/" .. accounts_of(session.token)[1].id
      is_refused(delete(path, session.token), 409, "last_credential")
      assert.equal(204, post("/v1/me/change-password", { newPassword = PASSWORD }, session.token).status)
      database.run(([[UPDATE "Session" SET "createdAt" = now() - interval '11 min' WHERE "userId" = '%s']])
        :format(session.userId))
      is_refused(delete(path, session.token), 403, "recent_sign_in_required")
      session = post("/v1/auth/login", { email = "only@people.example", password = PASSWORD }).json
      assert.equal(204, delete(path, session.token).status)
      is_refused(delete(path, session.token), 404, "not_found")
      assert.same({}, accounts_of(session.token))
      assert.equal("1", value([[SELECT count(*) AS v FROM "AuditLog" WHERE "resourceId" = '%s'
        AND "action" = 'ACCOUNT_UNLINKED' AND "metadata" ->> 'provider' = 'google']], session.userId))
    end)

    it("with a session that has just begun, where there is no password", function()
      local session = sign_in("google", person("g-old", "old@people.example"))
      assert.equal(200, begin_link(session.token, "other").status)
      database.run(([[UPDATE "Session" SET "createdAt" = now() - interval '11 min' WHERE "userId" = '%s']])
        :format(session.userId))
      is_refused(begin_link(session.token, "other"), 403, "recent_sign_in_required")
    end)

    it("and keeps one when the last two are taken away at once", function()
      local session = sign_in("google", person("g-two", "two@people.example"))
      sign_in("other", person("o-two", "two@people.example"))
      local clients, seen = {}, {}
      lock.hold(database, ([[SELECT FROM "Account" WHERE "userId" = '%s' FOR UPDATE]]):format(session.userId))
      for i, it in ipairs(accounts_of(session.token)) do
        clients[i] = app:connect { timeout = 30 }
        assert(clients[i]:send(http.format("DELETE", "/v1/me/accounts/" .. it.id,
          { headers = { Authorization = "Bearer " .. session.token } })))
      end
      lock.await(database, 2)
      lock.release(database)
      for _, client in ipairs(clients) do
        local status = assert(client:read "DELETE").status
        seen[status] = (seen[status] or 0) + 1
        client:close()
      end
      assert.same({ [204] = 1, [409] = 1 }, seen)
      assert.equal(1, #accounts_of(session.token))
    end)
  end)
end)
