-- A full disk under the database: reads go on, /readyz says that writes do not, and all is well again when there
-- is room. The disk is a small one of memory, so this wants root.
local cluster = require "support.cluster"
local eventually = require "support.eventually"
local native = require "support.native"
local process = require "support.process"
local psql = require "support.psql"
local scope = require "support.scope"
local server = require "support.server"
local temp = require "support.temp"

local LOGIN <const> = { email = "naledi.mokoena@demo.example", password = "Sunbird-2026" }

-- A folder of user postgres on a disk of its own, or nil.
local function make_disk()
  local dir = temp.dir()
  if native.uid() ~= 0 then return end
  if process.run({ "mount", "-t", "tmpfs", "-o", "size=192m,mode=700", "tmpfs", dir }).code ~= 0 then return end
  scope.defer(function() process.check { "umount", "--lazy", dir } end)
  assert(native.chown(dir, "postgres"))
  return dir
end

describe("a full disk of the database", function()
  local app, disk

  setup(function()
    disk = make_disk()
    if not disk then return end
    local own = cluster.start()
    local template = own:template "demo"
    psql.run(own:url "postgres", ("CREATE TABLESPACE small LOCATION '%s'"):format(disk))
    psql.run(own:url "postgres", ("CREATE DATABASE small TEMPLATE %s TABLESPACE small"):format(template))
    app = server.start { database = own:url "small", workers = 1 }
  end)

  local function ready()
    local r = app:get "/readyz"
    return { r.status, r.json.code or r.json.status, r.json.parts.database, r.json.parts.writes }
  end

  -- Writes a session, and is refused once no page has room for one.
  local function sign_in() return app:post("/v1/auth/login", LOGIN) end

  it("turns the writes of /readyz red, and leaves reads alone", function()
    if not app then return pending "needs root, and a disk of its own" end
    assert.same({ 200, "ready", "up", "up" }, ready())
    assert.equal(1, app:figure "medbookd_writes_up")
    process.run { "dd", "if=/dev/zero", "of=" .. disk .. "/filler", "bs=4096" }
    local refused
    eventually(function()
      refused = sign_in()
      return refused.status ~= 200
    end, { within = 120, every = 0 })
    assert.equal(503, refused.status)
    assert.is_truthy(refused.headers["retry-after"])
    eventually(function() return app:figure 'medbookd_db_writes_refused_total{worker="jobs"}' > 0 end, { within = 60 })
    assert.same({ 503, "writes_unavailable", "up", "down" }, ready())
    assert.equal(0, app:figure "medbookd_writes_up")
    assert.equal(200, app:get("/v1/providers?limit=2").status)
    assert.equal(200, app:get("/livez").status)
    app:await_log("refuses to write.*No space left on device", true)
  end)

  it("is forgotten when there is room again", function()
    if not app then return pending "needs root, and a disk of its own" end
    assert(os.remove(disk .. "/filler"))
    eventually(function() return ready()[1] == 200 end, { within = 60, what = "/readyz to be green" })
    assert.equal(200, sign_in().status)
    app:await_log "can be written to again"
  end)
end)
