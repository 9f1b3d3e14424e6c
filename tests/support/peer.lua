-- Another HTTP server, tests/fixtures/client/peer.lua, for servers that call one.

local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local peer = {}
peer.__index = peer

function peer.start()
  local self = setmetatable({ port = native.free_port(), log = temp.dir() .. "/peer.log" }, peer)
  self.url = "http://127.0.0.1:" .. self.port
  self.bodies = self.log .. ".requests"
  paths.write(self.log, "")
  paths.write(self.bodies, "")
  process.start { "lua5.4", paths.root .. "/tests/fixtures/client/peer.lua", tostring(self.port), self.log,
    self.bodies }
  eventually(function() return self:count "ready" == 1 end, { what = "the peer to listen" })
  return self
end

-- How many of these it had: "connection", or "request".
function peer:count(what)
  local n = 0
  for line in paths.read(self.log):gmatch "[^\n]+" do
    if line:find("^" .. what) then n = n + 1 end
  end
  return n
end

-- The requests, head and body as they came, lines of the head ending in \n.
function peer:requests()
  local list = {}
  for text in paths.read(self.bodies):gmatch "([^%z]*)%z" do list[#list + 1] = text end
  return list
end

return peer
