-- Answers are what their schemas say, whatever makes them: tables, rows, texts that the database made, streams.
-- The routes under test are tests/fixtures/scripts/promises.lua.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local home = require "support.home"
local server = require "support.server"

describe("answers", function()
  local app, unchecked

  setup(function()
    local database, dir = cluster.fresh(), home.with "scripts/promises.lua"
    local function start(check)
      return server.start {
        database = database, workers = 1, env = { MEDBOOKD_HOME = dir, MEDBOOKD_HTTP_CHECK_ANSWERS = check },
      }
    end
    app, unchecked = start "true", start "false"
  end)

  local function body(path)
    local r = app:get("/promises/" .. path)
    assert.equal(200, r.status, r.body)
    return r.body
  end

  local function is_refused(which, path, why)
    local r = which:get("/promises/" .. path)
    assert.same({ 500, "internal_error" }, { r.status, r.json.code }, r.body)
    eventually(function()
      return #which:log_lines(function(line)
        local label = "answer of GET /promises/" .. path .. ": "
        return line.error and line.error:sub(1, #label) == label and line.error:find(why, 1, true)
      end) > 0
    end, { what = ("the log to name route and place: %s, %s"):format(path, why) })
  end

  it("are written in the declared order, empty lists as lists, null where nothing is", function()
    assert.equal('{"id":"a","n":null,"at":null,"tags":[]}', body "table")
  end)

  it("are the same of rows, in whatever order their columns stand", function()
    local thing = '{"id":"a","n":7,"at":"2026-11-22T08:00:00.000Z","tags":["x"]}'
    assert.equal(thing, body "row-reordered")
    assert.equal('{"data":[' .. thing .. "]}", body "rows-reordered")
    assert.equal('{"data":[{"id":"a","n":null,"at":null,"tags":[]}]}', body "rows-without")
  end)

  it("may be made already, or streams of the declared media type", function()
    assert.equal('{"a":1}', body "made")
    assert.equal("a,b\r\n", body "csv")
  end)

  it("may be anything where nothing is promised", function()
    local r = app:get "/promises/unpromised"
    assert.same({ 201, '{"anything":[1]}' }, { r.status, r.body })
  end)

  -- what the encoder itself finds, always
  for path, why in pairs {
    undeclared = "/password: is not declared", status = "status 201 is not among", nothing = "status 204 is not among",
    body = "there is to be no body", ["table-for-stream"] = "the body is to be text/csv",
    ["row-lacking"] = "/id: is missing", ["rows-more"] = "/data/password: the column is not declared",
    ["rows-null"] = "/data/0/id: is null", ["row-mistyped"] = "/n: the column (type 25) is not an integer",
    ["rows-infinity"] = "/data/0/at: 'infinity' is no instant", ["row-nan"] = "/rating: NaN and infinity",
    ["rows-big"] = "/data/0/n: is over 2^53", ["row-matrix"] = "/tags: is an array of several dimensions",
  } do
    it(("are an error that names route and key, never something else: %s"):format(path), function()
      is_refused(app, path, why)
      is_refused(unchecked, path, why)
    end)
  end

  for path, why in pairs {
    ["stream-of-other"] = "is to be text/csv, not a stream of text/html",
    ["stream-of-json"] = "is to be JSON of its schema, not a stream",
  } do
    it("do not begin as another stream than was declared: " .. path, function()
      local r = app:get("/promises/" .. path)
      assert.same({ 500, "internal_error" }, { r.status, r.json.code })
      eventually(function() return app:log():find(why, 1, true) ~= nil end)
    end)
  end

  -- what only a look at the text finds
  for path, why in pairs {
    raw = "does without what its schema requires: n", ["row-json"] = "/tags/0: is not a string",
  } do
    it("that are texts are read, in tests and in development: " .. path, function() is_refused(app, path, why) end)
  end

  it("that are texts are read once per route in production, where the log tells and nobody is refused", function()
    local first = unchecked:get "/promises/first"
    assert.same({ 200, '{"id":1}' }, { first.status, first.body })
    unchecked:get "/promises/first"
    unchecked:get "/promises/raw"
    local function told(path)
      return unchecked:log_lines(function(line)
        return line.msg == "an answer is not what its schema says" and line.route == "GET /promises/" .. path
      end)
    end
    eventually(function() return #told "raw" == 1 end)
    assert.equal(1, #told "first")
    assert.matches("/id: is not a string", told("first")[1].error, 1, true)
  end)
end)
