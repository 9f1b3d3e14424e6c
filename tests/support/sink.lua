-- A server for mail, tests/fixtures/mail/sink.js, that keeps what it is sent.

local json = require "cjson"

local eventually = require "support.eventually"
local native = require "support.native"
local paths = require "support.paths"
local process = require "support.process"
local temp = require "support.temp"

local sink = {}
sink.__index = sink

-- Options as sink.js has them, but for port and log.
function sink.start(options)
  local plan = { port = native.free_port(), log = temp.dir() .. "/sink.log" }
  for key, value in pairs(options or {}) do plan[key] = value end
  paths.write(plan.log, "")
  local self = setmetatable({ port = plan.port, log = plan.log }, sink)
  self.process = process.start { "node", paths.root .. "/tests/fixtures/mail/sink.js", json.encode(plan) }
  eventually(function() return #self:notes "ready" == 1 end, { what = "the server for mail to listen" })
  return self
end

-- Its notes that have the field, in order.
function sink:notes(field)
  local list = {}
  for line in paths.read(self.log):gmatch "([^\n]+)\n" do
    local note = json.decode(line)
    if note[field] ~= nil then list[#list + 1] = note end
  end
  return list
end

-- The mails, waited for until there are n.
function sink:mails(n)
  return eventually(function()
    local mails = self:notes "mail"
    return #mails >= n and mails
  end, { what = n .. " mails at the server" })
end

-- The commands of one connection, in order; of all when none is named.
function sink:commands(connection)
  local list = {}
  for _, note in ipairs(self:notes "command") do
    local command = note.command:gsub("^(MAIL .*) SIZE=%d+$", "%1") -- libcurl tells it
    if not connection or note.connection == connection then list[#list + 1] = command end
  end
  return list
end

-- A certificate authority and, by it, a key and a certificate for the host in a folder: { ca, key, cert }.
function sink.certificate(host)
  local dir = temp.dir()
  local function openssl(...) process.check({ "openssl", ... }, { cwd = dir }) end
  openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
    "-subj", "/CN=authority", "-days", "2")
  openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=" .. host)
  paths.write(dir .. "/names", "subjectAltName=DNS:" .. host)
  openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
    "-extfile", "names", "-out", "leaf.pem")
  return { ca = dir .. "/ca.pem", key = dir .. "/leaf.key", cert = dir .. "/leaf.pem" }
end

return sink
