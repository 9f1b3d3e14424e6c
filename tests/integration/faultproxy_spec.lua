-- The fault proxy does what its plan says, seen by psql and the rows that are left.

local cluster = require "support.cluster"
local native = require "support.native"
local psql = require "support.psql"
local tools = require "chaos.tools"

describe("faultproxy", function()
  local database, proxy, url

  setup(function()
    database = cluster.fresh "empty"
    local port = native.free_port()
    proxy = tools.start_proxy {
      listen = "127.0.0.1:" .. port, protocol = "pg",
      server = ("%s/.s.PGSQL.%d"):format(database.cluster.dir, database.cluster.port),
    }
    url = ("host=127.0.0.1 port=%d user=postgres dbname=%s"):format(port, database.name)
    database.run "CREATE TABLE marks (mark text)"
  end)

  local function add(mark) return pcall(psql.run, url, ("INSERT INTO marks VALUES ('%s')"):format(mark)) end
  local function count(mark)
    return tonumber(database.query(("SELECT count(*) AS n FROM marks WHERE mark = '%s'"):format(mark))[1].n)
  end

  it("passes everything on without a plan", function()
    assert.is_true(add "plain")
    assert.equal(1, count "plain")
  end)

  it("cuts before the statement reaches the server", function()
    proxy:arm "before match=INTO marks"
    assert.is_false(add "before")
    assert.equal(0, count "before")
  end)

  it("cuts after the commit and swallows the answer", function()
    proxy:arm "after match=INTO marks"
    assert.is_false(add "after")
    assert.equal(1, count "after")
  end)

  it("strikes the nth match only", function()
    proxy:arm "before nth=2 match=INTO marks"
    assert.is_true(add "first")
    assert.is_false(add "second")
    assert.is_true(add "third")
    assert.equal(0, count "second")
  end)

  it("closes at the boundary that was asked for", function()
    -- A simple INSERT is Query; CommandComplete, ReadyForQuery: the third message is the last.
    for boundary = 0, 4 do
      local mark = "boundary" .. boundary
      proxy:arm(("boundary boundary=%d match=INTO marks"):format(boundary))
      add(mark)
      assert.equal(boundary == 0 and 0 or 1, count(mark))
    end
    proxy:arm "none"
  end)

  it("lets a delayed statement through", function()
    local fired = proxy:report().fired
    proxy:arm "delay ms=100 match=INTO marks"
    assert.is_true(add "late")
    assert.equal(fired + 1, proxy:report().fired)
    assert.equal(1, count "late")
  end)

  it("refuses a plan it does not understand", function()
    assert.has_error(function() proxy:arm "explode" end)
    assert.has_error(function() proxy:arm "after nth=none" end)
  end)
end)
