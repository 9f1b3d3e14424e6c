-- People sign in through a provider of OpenID Connect, and are the same person by whatever way they come.

local cluster = require "support.cluster"
local letters = require "support.letters"
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
end)
