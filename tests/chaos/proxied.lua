-- A clinic with faultproxy in its way: between medbookd and PostgreSQL, or before medbookd.

local clinics = require "chaos.clinic"
local cluster = require "support.cluster"
local native = require "support.native"
local tools = require "chaos.tools"

-- A clinic whose database is reached through the returned proxy.
local function database_side(seed)
  local database, port = cluster.fresh "demo", native.free_port()
  local proxy = tools.start_proxy {
    listen = "127.0.0.1:" .. port, protocol = "pg", seed = seed,
    server = ("%s/.s.PGSQL.%d"):format(database.cluster.dir, database.cluster.port),
  }
  local url = ("host=127.0.0.1 port=%d user=postgres dbname=%s"):format(port, database.name)
  return clinics.start { database = url, direct = database.url }, proxy
end

-- A proxy before the clinic and the port it listens on.
local function client_side(clinic, seed)
  local port = native.free_port()
  local proxy = tools.start_proxy { listen = "127.0.0.1:" .. port, server = "127.0.0.1:" .. clinic.port,
                                    protocol = "raw", seed = seed }
  return proxy, port
end

return { database_side = database_side, client_side = client_side }
