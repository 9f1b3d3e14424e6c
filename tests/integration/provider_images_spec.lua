-- Images of providers: what is taken and what is left of it, who sees and who changes them. What is stripped:
-- tests/unit/image_spec.lua.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local PATH <const> = "/v1/providers/%s/image"

local function chunk(name, data) return (">I4"):pack(#data) .. name .. data .. "crc!" end
local function png(letter, extra, n)
  return "\x89PNG\r\n\x1A\n" .. chunk("IHDR", ("h"):rep(13)) .. (extra and chunk("tEXt", extra) or "")
    .. chunk("IDAT", letter:rep(n or 100)) .. chunk("IEND", "")
end
local JPEG <const> = "\xFF\xD8\xFF\xE1\0\10Exif gps\xFF\xC0\0\3f\xFF\xDA\0\3sdata\xFF\xD9trailing"

describe("the image of a provider", function()
  local app, database

  local function ask(method, who, body, headers, provider)
    headers = headers or {}
    headers.Authorization = who and "Bearer " .. who
    return app:request(method, PATH:format(provider or "provider"), { headers = headers, body = body })
  end

  local function count(from) return tonumber(psql.value(database.url, "SELECT count(*) FROM " .. from)) end
  local function shown(path) return app:get(path or "/v1/providers/provider").json.image end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    app = server.start {
      database = database, env = { MEDBOOKD_DOCUMENTS_RATE = "0", MEDBOOKD_IMAGES_MAX_SIZE = "1MB" },
    }
  end)

  before_each(function()
    database.run [[UPDATE "Provider" SET "image" = '', "imageFileId" = NULL;
      DELETE FROM "ProviderFile"; DELETE FROM "Outbox" WHERE "resource" <> 'Booking']]
  end)

  after_each(function() assert.same({}, database.query(paths.read "tests/invariants.sql")) end)

  it("is shown to everybody without what its camera wrote, and its path in answers", function()
    assert.equal(404, ask("GET").status)
    assert.equal(204, ask("PUT", "doctor", png("a", "Sipho at home")).status)
    assert.equal("/v1/providers/provider/image", shown())
    assert.equal("/v1/providers/provider/image", app:get("/v1/providers").json.data[1].image)
    local r = ask "GET"
    assert.equal(png "a", r.body)
    local h = r.headers
    assert.same({ "image/png", "nosniff", "public, max-age=300", "default-src 'none'; sandbox" }, {
      h["content-type"], h["x-content-type-options"], h["cache-control"], h["content-security-policy"],
    })
    assert.equal(304, ask("GET", nil, nil, { ["If-None-Match"] = h.etag }).status)
    assert.equal(204, ask("PUT", "admin", JPEG, { ["Content-Type"] = "image/jpeg" }).status)
    r = ask "GET"
    assert.equal("image/jpeg", r.headers["content-type"])
    assert.is_nil(r.body:find "gps" or r.body:find "trailing")
    assert.not_equal(h.etag, r.headers.etag)
    assert.equal(1, count [["ProviderFile"]])
    assert.equal(2, count [["Outbox" WHERE "type" = 'provider.changed' AND "payload" @> '{"fields": ["image"]}']])
  end)

  it("goes when it is taken away, also one from elsewhere", function()
    ask("PUT", "doctor", png "a")
    assert.equal(204, ask("DELETE", "doctor").status)
    assert.equal(require("cjson").null, shown())
    assert.equal(0, count [["ProviderFile"]])
    assert.equal(404, ask("GET").status)
    assert.equal(204, ask("DELETE", "doctor").status)
    assert.equal(2, count [["Outbox" WHERE "resource" = 'Provider']])
    database.run [[UPDATE "Provider" SET "image" = 'https://example.org/a.png' WHERE "id" = 'provider']]
    assert.equal("https://example.org/a.png", shown())
    assert.equal(204, ask("DELETE", "doctor").status)
    assert.equal(require("cjson").null, shown())
  end)

  it("is changed by its provider and administrators alone, and seen by them alone before patients see the provider",
    function()
      local waiting = "provider2"
      ask("PUT", "doctor2", png "a", nil, waiting)
      for who, statuses in pairs {
        doctor2 = { 200, 204, 204 }, admin = { 200, 204, 204 }, doctor = { 404, 404, 404 }, chief = { 404, 404, 404 },
        none = { 404, 401, 401 },
      } do
        for i, method in ipairs { "GET", "PUT", "DELETE" } do
          local r = ask(method, who ~= "none" and who or nil, method == "PUT" and png "a" or nil, nil, waiting)
          assert.equal(statuses[i], r.status, method .. " by " .. who .. ": " .. r.body)
          if r.status == 200 then assert.equal("private, no-cache", r.headers["cache-control"]) end
        end
        ask("PUT", "doctor2", png "a", nil, waiting)
      end
      assert.equal(404, ask("GET", "doctor", nil, nil, "nobody").status)
    end)

  it("is a JPEG, PNG or WebP of a size that is taken, or is refused and leaves nothing", function()
    ask("PUT", "doctor", png "a")
    for _, case in ipairs {
      { 415, "unsupported_media_type", "<svg/>", "image/svg+xml" },
      { 415, "unsupported_media_type", png "b", "text/html" },
      { 422, "validation_failed", "<svg onload='alert(1)'/>" }, { 422, "validation_failed", "%PDF-1.7\n and more" },
      { 422, "validation_failed", "" }, { 422, "validation_failed", png("b"):sub(1, -5) },
      { 413, "body_too_large", png("b", nil, 1048576) },
    } do
      local r = ask("PUT", "doctor", case[3], { ["Content-Type"] = case[4] })
      assert.same({ case[1], case[2] }, { r.status, r.json.code })
    end
    local c = app:connect()
    c:send(("PUT %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer doctor\r\nContent-Length: 1000000\r\n\r\n%s")
      :format(PATH:format "provider", png("b", nil, 500000):sub(1, 400000)))
    eventually(function() return count [["ProviderFilePiece"]] > 2 end, { what = "pieces" })
    c:reset()
    eventually(function() return count [["ProviderFile"]] == 1 end, { what = "nothing left of what was cut" })
    assert.equal(png "a", ask("GET").body)
  end)

  it("is one of those that come at once, whole", function()
    local connections, n <const> = {}, 4
    for i = 1, n do
      local body = png(("abcd"):sub(i, i), nil, 300000)
      connections[i] = { app:connect { timeout = 30 }, body }
      connections[i][1]:send(("PUT %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer doctor\r\n"
        .. "Content-Length: %d\r\n\r\n"):format(PATH:format "provider", #body))
    end
    for at = 1, 400000, 50000 do
      for i = 1, n do connections[i][1]:send(connections[i][2]:sub(at, at + 49999)) end
    end
    local bodies = {}
    for i = 1, n do
      assert.equal(204, connections[i][1]:read().status)
      bodies[connections[i][2]] = true
    end
    assert.is_true(bodies[ask("GET").body])
    assert.equal(1, count [["ProviderFile"]])
  end)
end)
