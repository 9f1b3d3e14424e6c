-- Documents that providers send in: what is taken and what is refused, before and after the body, who reads them, and
-- what is left of those that did not arrive.

local cluster = require "support.cluster"
local eventually = require "support.eventually"
local http = require "support.http"
local paths = require "support.paths"
local psql = require "support.psql"
local server = require "support.server"

local MB <const> = 1048576
local PDF <const> = "%PDF-1.7\n"
local INVARIANTS <const> = paths.read "tests/invariants.sql"
local PATH <const> = "/v1/providers/provider/submissions/%s/document"

-- A PDF, as far as its first bytes tell, of so many bytes of one letter.
local function pdf(n, letter) return PDF .. (letter or "x"):rep(n - #PDF) end

describe("documents of providers", function()
  local app, database

  local function options(who, more)
    local headers = {
      Authorization = who and "Bearer " .. who, ["Content-Disposition"] = "attachment; filename=registration.pdf",
      ["Content-Type"] = "application/pdf",
    }
    for name, value in pairs(more or {}) do headers[name] = value or nil end
    return headers
  end

  local function put(body, headers, requirement)
    local url = PATH:format(requirement or "paper")
    return app:request("PUT", url, { headers = options("doctor", headers), body = body })
  end

  local function get(query, who, headers)
    headers = headers or {}
    headers.Authorization = "Bearer " .. (who or "doctor")
    return app:request("GET", PATH:format "paper" .. (query or ""), { headers = headers })
  end

  local function remove() return app:request("DELETE", PATH:format "paper", { headers = options "doctor" }) end

  local function count(from) return tonumber(psql.value(database.url, "SELECT count(*) FROM " .. from)) end

  local function expect(status, code, r)
    assert.same({ status, code }, { r.status, r.json and r.json.code }, r.body)
    return r
  end

  local function sha256(text)
    return psql.value(database.url, ("SELECT encode(sha256(convert_to('%s', 'UTF8')), 'hex')"):format(text))
  end

  -- The head of an upload, of whom the body is still awaited.
  local function begin(headers, n, requirement)
    local c = app:connect { timeout = 30 }
    local lines = { ("PUT %s HTTP/1.1\r\nHost: a\r\n"):format(PATH:format(requirement or "paper")) }
    for name, value in pairs(options("doctor", headers)) do lines[#lines + 1] = ("%s: %s\r\n"):format(name, value) end
    lines[#lines + 1] = n and ("Content-Length: %d\r\n\r\n"):format(n) or "Transfer-Encoding: chunked\r\n\r\n"
    c:send(table.concat(lines))
    return c
  end

  setup(function()
    database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[
      INSERT INTO "RequirementType" ("id", "name", "validationType", "validationConfig", "providerTypeId")
      VALUES ('paper', 'Registration', 'DOCUMENT', '{"expectedFormat": ["PDF", "jpeg"]}', 'type'),
             ('small', 'Small', 'DOCUMENT', '{"expectedFormat": "PDF", "maxSizeMB": 0.001}', 'type'),
             ('any', 'Any', 'DOCUMENT', NULL, 'type'), ('more', 'More', 'DOCUMENT', NULL, 'type')]]
    app = server.start {
      database = database, workers = 2,
      env = { MEDBOOKD_DOCUMENTS_RATE = "0", MEDBOOKD_DOCUMENTS_MAX_PENDING = "40MB" },
    }
  end)

  before_each(function()
    database.run [[DELETE FROM "RequirementSubmission" WHERE "requirementTypeId" IN ('paper', 'small', 'any', 'more');
      DELETE FROM "ProviderFile"; DELETE FROM "Outbox" WHERE "resource" <> 'Booking']]
  end)

  after_each(function() assert.same({}, database.query(INVARIANTS)) end)

  local function approve()
    database.run [[UPDATE "RequirementSubmission" SET "status" = 'APPROVED', "approvedMetadata" = "documentMetadata",
      "approvedAt" = now() WHERE "requirementTypeId" = 'paper']]
  end

  it("are kept as they were sent, and given back so that no browser runs them", function()
    local body = "%PDF-1.7\n<html><script>alert(1)</script></html>"
    local r = expect(200, nil, put(body))
    local digest = sha256(body)
    assert.same({
      fileName = "registration.pdf", fileSize = #body, fileType = "application/pdf", sha256 = digest,
    }, r.json)
    r = expect(200, nil, get())
    assert.equal(body, r.body)
    local h = r.headers
    assert.same({
      "application/pdf", "nosniff", "default-src 'none'; sandbox", '"' .. digest .. '"', "private, no-cache",
      [[attachment; filename="registration.pdf"; filename*=UTF-8''registration.pdf]],
    }, {
      h["content-type"], h["x-content-type-options"], h["content-security-policy"], h.etag, h["cache-control"],
      h["content-disposition"],
    })
    assert.equal(304, get(nil, nil, { ["If-None-Match"] = h.etag }).status)
    assert.equal(200, app:request("HEAD", PATH:format "paper", { headers = options "doctor" }).status)
    assert.equal("PENDING", psql.value(database.url,
      [[SELECT "status" FROM "RequirementSubmission" WHERE "requirementTypeId" = 'paper']]))
    assert.equal(1, count [["Outbox" WHERE "type" = 'submission.created']])
    assert.equal(1, count [["AuditLog" WHERE "action" = 'SUBMISSION_CREATED' AND "userId" = 'doctor']])
  end)

  it("are read and written by their provider and administrators alone", function()
    put(pdf(100))
    for who, statuses in pairs {
      doctor = { 200, 200, 204 }, admin = { 200, 200, 204 }, root = { 200, 200, 204 }, doctor2 = { 404, 404, 404 },
      chief = { 404, 404, 404 }, patient = { 404, 404, 404 }, none = { 401, 401, 401 },
    } do
      for i, method in ipairs { "GET", "PUT", "DELETE" } do
        local r = app:request(method, PATH:format "paper", {
          headers = options(who ~= "none" and who or false), body = method == "PUT" and pdf(100) or nil,
        })
        assert.equal(statuses[i], r.status, method .. " by " .. who .. ": " .. r.body)
        assert.equal(statuses[i] == 200 and method == "GET", r.body:find("%PDF", 1, true) ~= nil)
      end
      put(pdf(100))
    end
  end)

  it("are refused before their body where the head tells enough", function()
    for _, case in ipairs {
      { 401, "authentication_required", { Authorization = false } },
      { 404, "not_found", { Authorization = "Bearer doctor2" } },
      { 404, "not_found", { Authorization = "Bearer chief" } },
      { 415, "unsupported_media_type", { ["Content-Type"] = "text/html" } },
      { 415, "unsupported_media_type", { ["Content-Type"] = "image/png" } },
      { 415, "unsupported_media_type", { ["Content-Type"] = "multipart/form-data; boundary=x" } },
      { 415, "unsupported_content_encoding", { ["Content-Encoding"] = "gzip" } },
      { 413, "body_too_large", {}, 50 * MB }, { 413, "body_too_large", {}, 20 * MB + 1 },
      { 422, "validation_failed", { ["Content-Disposition"] = false } },
      { 422, "validation_failed", { ["Content-Disposition"] = "attachment; filename=.." } },
      { 422, "validation_failed", { ["Content-Disposition"] = "attachment; filename*=UTF-8''%E2%80%AEfdp.exe" } },
      { 422, "validation_failed", { ["Content-Disposition"] = "attachment; filename=" .. ("a"):rep(201) } },
      { 409, "documents_full", { ["Content-Type"] = "application/pdf" }, nil, true },
    } do
      if case[5] then
        database.run [[INSERT INTO "ProviderFile" ("providerId", "reserved") VALUES ('provider', 40 * 1048576)]]
      end
      case[3].Expect = "100-continue"
      local c = begin(case[3], case[4] or 1000)
      expect(case[1], case[2], c:read())
      assert.is_true(c:is_closed())
      c:close()
    end
    local c = begin({ Expect = "100-continue" }, #PDF)
    assert.equal(409, c:read().status)
    database.run [[DELETE FROM "ProviderFile"]]
    c = begin({ Expect = "100-continue" }, #PDF)
    assert.equal(100, c:read().status)
    c:send(PDF)
    assert.equal(200, c:read().status)
    assert.equal(1, count [["ProviderFile"]])
  end)

  it("are what their first bytes say, of the types that are asked for", function()
    for _, case in ipairs {
      { PDF, "application/pdf", "PDF" }, { "\xFF\xD8\xFF\xE0", "image/jpeg", "JPG" },
      { PDF, "application/octet-stream", "PDF" },
      { PDF, false, "PDF" }, { "<html>" .. PDF, "application/pdf" }, { "\x89PNG\r\n\x1A\n0000", false },
      { "\xFF\xD8\xFF\xE0", "application/pdf" }, { "MZ", "application/octet-stream" }, { "", "application/pdf" },
      { "%PD", "application/pdf" }, { "PK\3\4", false },
    } do
      local r = put(case[1], { ["Content-Type"] = case[2] })
      expect(case[3] and 200 or 415, not case[3] and "unsupported_media_type" or nil, r)
      if not case[3] then assert.equal("application/pdf, image/jpeg", r.headers.accept) end
    end
    assert.equal(200, put("\x89PNG\r\n\x1A\n0000", { ["Content-Type"] = false }, "any").status)
    assert.equal(415, put("GIF89a", { ["Content-Type"] = false }, "any").status)
    assert.equal(404, put(PDF, nil, "requirement").status) -- is no DOCUMENT
    assert.equal(200, put(PDF, nil, "oral-hygienist.any").status)
    for _, name in ipairs { "none", "oral-hygienist", "oral-hygienist.none", "any", "oral-hygienist.any.any" } do
      assert.equal(name == "any" and 200 or 404, put(PDF, nil, name).status, name)
    end
    database.run [[UPDATE "RequirementType" SET "isActive" = false WHERE "id" = 'any']]
    assert.equal(404, put(PDF, nil, "any").status)
    database.run [[UPDATE "RequirementType" SET "isActive" = true]]
    eventually(function() return count [["ProviderFile"]] == 2 end, { what = "nothing left of what was refused" })
  end)

  it("have a name without a path, that ends as their type does", function()
    for sent, kept in pairs {
      ['"../../etc/passwd"'] = "passwd.pdf", ['"C:\\\\Users\\\\me\\\\a.PDF"'] = "a.PDF",
      ['"evil.html"'] = "evil.html.pdf",
      ['"a\\"b.pdf"'] = "a_b.pdf", ["a.pdf; filename*=UTF-8''na%CC%88%20me%2Fcafe%CC%81.pdf"] = "café.pdf",
    } do
      local r = expect(200, nil, put(PDF, { ["Content-Disposition"] = "attachment; filename=" .. sent }))
      assert.equal(kept, r.json.fileName)
      assert.is_nil(get().headers["content-disposition"]:find("[^ -~]"))
    end
  end)

  it("are no larger than their requirement takes, however they come", function()
    assert.equal(200, put(pdf(1048), nil, "small").status)
    local c = begin({ Expect = "100-continue" }, 1049, "small")
    expect(413, "body_too_large", c:read())
    c = begin(nil, nil, "small")
    c:send(("%x\r\n%s\r\n"):format(1049, pdf(1049)))
    expect(413, "body_too_large", c:read())
    c = begin()
    c:send(("%x\r\n%s\r\n"):format(#PDF, PDF))
    for _ = 1, 21 do
      if not c:send(("%x\r\n%s\r\n"):format(MB, ("x"):rep(MB))) then break end
    end
    expect(413, "body_too_large", c:read())
    c:close()
    eventually(function() return count [["ProviderFile"]] == 1 end, { what = "nothing left of what was too large" })
  end)

  it("leave nothing when they are cut", function()
    put(pdf(100))
    for _, framing in ipairs { 5 * MB, false } do
      local c = begin(nil, framing or nil)
      local part = pdf(MB)
      c:send(framing and part or ("%x\r\n%s\r\n"):format(#part, part))
      eventually(function() return count [["ProviderFilePiece"]] > 4 end, { what = "pieces" })
      c:reset()
      eventually(function() return count [["ProviderFile"]] == 1 end, { what = "the file is forgotten" })
      assert.equal(1, count [["ProviderFilePiece"]])
    end
    assert.equal(pdf(100), get().body)
  end)

  it("that were cut together with their server are cleaned up", function()
    database.run [[INSERT INTO "ProviderFile" ("id", "providerId", "reserved", "touchedAt")
      VALUES ('old', 'provider', 1, now() - interval '11 minutes'), ('new', 'provider', 1, now())]]
    psql.value(database.url, [[INSERT INTO "ProviderFilePiece" VALUES ('old', 1, 'x') RETURNING 1]])
    assert.equal(200, put(PDF).status) -- makes room for its own
    assert.equal(0, count [["ProviderFile" WHERE "id" = 'old']])
    assert.equal(1, count [["ProviderFile" WHERE "id" = 'new']])
  end)

  it("take the place of the one before, not of the approved one until they are approved", function()
    put(pdf(100, "a"))
    put(pdf(100, "b"))
    assert.equal(1, count [["ProviderFile"]])
    approve()
    put(pdf(100, "c"), { ["Content-Disposition"] = "attachment; filename=newer.pdf" })
    assert.equal(2, count [["ProviderFile"]])
    assert.equal(pdf(100, "c"), get().body)
    local r = get "?copy=approved"
    assert.equal(pdf(100, "b"), r.body)
    assert.is_truthy(r.headers["content-disposition"]:find("registration.pdf", 1, true))
    put(pdf(100, "d"))
    assert.equal(2, count [["ProviderFile"]])
    approve()
    assert.equal(1, count [["ProviderFile"]])
    assert.equal(pdf(100, "d"), get("?copy=approved").body)
  end)

  it("that were approved stay when a newer one is rejected, and go when they are revoked", function()
    local function review(action, body)
      local r = app:request("POST", (PATH:format "paper":gsub("document$", action)), {
        headers = { Authorization = "Bearer admin" }, body = body,
      })
      assert.equal(200, r.status, r.body)
    end
    put(pdf(100, "a"))
    review("approve", {})
    put(pdf(100, "b"))
    review("reject", { reason = "not legible" })
    assert.equal(2, count [["ProviderFile"]])
    assert.equal(pdf(100, "b"), get().body)
    assert.equal(pdf(100, "a"), get("?copy=approved").body)
    assert.equal(204, remove().status)
    assert.equal(pdf(100, "a"), get().body)
    put(pdf(100, "c"))
    review("reject", { reason = "withdrawn by the council", revoke = true })
    expect(404, "not_found", get "?copy=approved")
    assert.equal(pdf(100, "c"), get().body)
    assert.equal(1, count [["ProviderFile"]])
  end)

  it("can be taken back until they are approved", function()
    expect(404, "not_found", remove())
    put(pdf(100, "a"))
    assert.equal(204, remove().status)
    assert.equal(0, count [["ProviderFile"]])
    expect(404, "not_found", get())
    put(pdf(100, "a"))
    approve()
    expect(404, "not_found", remove())
    put(pdf(100, "b"))
    assert.equal(204, remove().status)
    assert.equal(pdf(100, "a"), get().body)
    assert.equal("APPROVED", psql.value(database.url,
      [[SELECT "status" FROM "RequirementSubmission" WHERE "requirementTypeId" = 'paper']]))
    assert.equal(1, count [["ProviderFile"]])
    assert.equal(2, count [["Outbox" WHERE "type" = 'submission.withdrawn']])
    assert.equal("PENDING APPROVED", psql.value(database.url, [[SELECT concat_ws(' ', "fromStatus", "toStatus")
      FROM "StatusHistory" WHERE "resource" = 'RequirementSubmission' AND "action" = 'withdraw'
      ORDER BY "id" DESC LIMIT 1]]))
  end)

  it("wait within a number of bytes, of which the one they replace takes none", function()
    assert.equal(200, put(pdf(15 * MB)).status)
    assert.equal(200, put(pdf(15 * MB), nil, "any").status)
    assert.equal(200, put(pdf(15 * MB)).status)
    expect(409, "documents_full", begin({}, 11 * MB, "more"):read())
    approve()
    assert.equal(200, put(pdf(11 * MB), nil, "more").status)
  end)

  it("that come at once, in real, stay whole: the last one", function()
    local connections, n <const> = {}, 4
    for i = 1, n do connections[i] = begin(nil, MB) end
    for i = 1, n do connections[i]:send(PDF) end
    for at = 1, 16 do -- in turns, so that their pieces mix
      for i = 1, n do
        connections[i]:send((("abcd"):sub(i, i)):rep(at < 16 and MB // 16 or MB // 16 - #PDF))
      end
    end
    for i = 1, n do assert.equal(200, connections[i]:read().status) end
    local body = get().body
    assert.equal(MB, #body)
    assert.equal(pdf(MB, body:sub(-1)), body)
    assert.equal(1, count [["ProviderFile"]])
    -- One after the other in reverse: who ends last stays.
    local first, second = begin(nil, 100), begin(nil, 100)
    first:send(PDF)
    assert.is_truthy(second:send(pdf(100, "s")))
    assert.equal(200, second:read().status)
    first:send(pdf(100, "f"):sub(#PDF + 1))
    assert.equal(200, first:read().status)
    assert.equal(pdf(100, "f"), get().body)
  end)
end)

describe("a worker", function()
  local function most_memory(pid) -- in KB
    return tonumber(paths.read("/proc/" .. pid .. "/status"):match "VmHWM:%s*(%d+)")
  end

  it("needs no more room for a long document than for a short one, neither to take nor to give it", function()
    local database = cluster.fresh "schema"
    psql.file(database.url, paths.root .. "/tests/fixtures/one_of_each.sql")
    psql.file(database.url, paths.root .. "/tests/fixtures/people.sql")
    database.run [[INSERT INTO "RequirementType" ("id", "name", "validationType", "providerTypeId")
      VALUES ('paper', 'Registration', 'DOCUMENT', 'type')]]
    local app = server.start {
      database = database, workers = 1,
      -- A sanitized build keeps what was freed, which is no room that a document needs.
      env = { MEDBOOKD_DOCUMENTS_RATE = "4", ASAN_OPTIONS = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64" },
    }
    local pid = app:workers()[1]
    local headers = {
      Authorization = "Bearer doctor", ["Content-Disposition"] = "attachment; filename=a.pdf",
    }
    local function round(n)
      local url = PATH:format "paper"
      local how = { port = app.port, headers = headers, timeout = 60 }
      how.body = pdf(n)
      assert.equal(200, http.request("PUT", url, how).status)
      how.body = nil
      assert.equal(n, #http.request("GET", url, how).body)
    end
    for _ = 1, 3 do round(MB // 2) end
    paths.write("/proc/" .. pid .. "/clear_refs", "5") -- the most that it had is what it has
    local before = most_memory(pid)
    round(20 * MB)
    local after = most_memory(pid)
    assert.is_true(after - before < 6 * 1024, ("from %d KB to %d KB"):format(before, after))
    local r = http.request("PUT", PATH:format "paper", { port = app.port, headers = headers, body = PDF })
    assert.same({ 429, "rate_limited" }, { r.status, r.json.code }) -- four were taken
  end)
end)
