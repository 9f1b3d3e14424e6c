-- Servers that send the mails of tests/fixtures/mail, the files that these become, and what a mail says: read by the
-- RFCs, not by what lua/mb/mime.lua does.

local lfs = require "lfs"

local eventually = require "support.eventually"
local home = require "support.home"
local paths = require "support.paths"
local process = require "support.process"
local server = require "support.server"

local mailbox = {}

function mailbox.home()
  local dir = home.with()
  process.check { "cp", "-r", paths.root .. "/tests/fixtures/mail/.", dir .. "/lua/" }
  return dir
end

-- A server that looks for jobs often.
function mailbox.start(database, dir, env)
  local all = { MEDBOOKD_HOME = dir, MEDBOOKD_JOBS_POLL_INTERVAL = "50ms" }
  for key, value in pairs(env or {}) do all[key] = value end
  return server.start { database = database, workers = 1, env = all }
end

-- Names of the files in the folder of mails of a server, oldest first; without drafts, unless all is true.
function mailbox.files(app, all)
  local names = {}
  if lfs.attributes(app.data_dir .. "/mail") then
    for name in lfs.dir(app.data_dir .. "/mail") do
      if all and name ~= "." and name ~= ".." or name:sub(1, 1) ~= "." then names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

-- The mail of such a file as it is.
function mailbox.read(app, name) return paths.read(app.data_dir .. "/mail/" .. name) end

-- Waits until there are n files, and returns their names.
function mailbox.await(app, n)
  return eventually(function()
    local names = mailbox.files(app)
    return #names == n and names
  end, { what = n .. " mails in " .. app.data_dir .. "/mail" })
end

-- ---- reading ----

local function value_of(letter)
  local code = letter:byte()
  if letter:find "%u" then return code - 65 end
  if letter:find "%l" then return code - 71 end
  if letter:find "%d" then return code + 4 end
  return letter == "+" and 62 or 63
end

local function from_base64(text)
  local bits = text:gsub("=", ""):gsub(".", function(letter)
    local n, out = value_of(letter), ""
    for _ = 1, 6 do
      out = n % 2 .. out
      n = n // 2
    end
    return out
  end)
  local eights = bits:sub(1, #bits // 8 * 8)
  return (eights:gsub("%d%d%d%d%d%d%d%d", function(eight) return string.char(tonumber(eight, 2)) end))
end

local function from_quoted(text)
  text = text:gsub("[ \t]+\r\n", "\r\n"):gsub("=\r\n", "")
  return (text:gsub("=(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- RFC 2047: blanks between two encoded words are none of the text.
local function from_words(text)
  text = text:gsub("(%?=)%s+(=%?)", "%1%2")
  return (text:gsub("=%?UTF%-8%?B%?([%w+/=]*)%?=", from_base64))
end

-- { headers = { name in small letters = value }, names = in order, text = decoded, lines ending in \n }
function mailbox.parse(mail)
  local head, body = mail:match "^(.-\r\n)\r\n(.*)$"
  assert(head, "a mail has a head and a body")
  local parsed = { headers = {}, names = {} }
  for name, value in head:gsub("\r\n[ \t]+", " "):gmatch "([^:\r\n]+): ([^\r\n]*)\r\n" do
    assert(not parsed.headers[name:lower()], name .. " stands there twice")
    parsed.names[#parsed.names + 1] = name
    parsed.headers[name:lower()] = from_words(value)
  end
  local encoding = parsed.headers["content-transfer-encoding"]
  local text = encoding == "quoted-printable" and from_quoted(body) or body
  parsed.text = text:gsub("\r\n", "\n")
  return parsed
end

return mailbox
