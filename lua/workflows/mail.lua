-- Mails to people. They leave by jobs, never within a request: none is lost, and each is repeated until it is taken.
-- What a mail says is a file of mails/, whose name is its kind (verify_email.lua: "verify-email"):
--
--   return function(payload) … return { to = "address", subject = "…", text = "…" } end
--
-- It is called when the mail leaves, in the jobs process, and may ask the database; nil = it is no longer wanted.
--
-- mail.send(kind, payload, { tx =, key =, after =, at = }) -> the id of the job, as jobs.enqueue. payload is kept in
-- the queue: ids, from which the file finds the address, and no token. http.public_url is the beginning of links.
local config = require "mb.config"
local faults = require "mb.faults"
local http = require "mb.http"
local id = require "mb.id"
local jobs = require "workflows.jobs"
local out = require "mb.mail"
local mime = require "mb.mime"
local text = require "mb.text"
local time = require "mb.time"

local FIELDS <const> = { to = "string", subject = "string", text = "string" }
local HOST <const> = http.host(config "http.public_url")
local FROM <const>, HAS_SERVER <const> = config "smtp.from", config "smtp.host" ~= ""

-- Set by load, once.
local kinds

local function add_file(module, found)
  local file, kind = module:gsub("%.", "/") .. ".lua", module:match("[^.]*$"):gsub("_", "-")
  local is_loaded, make = pcall(require, module)
  if not is_loaded then
    found:take(tostring(make))
  elseif type(make) ~= "function" then
    found:add(file, "a file of mails/ returns a function, which makes a mail of a payload")
  elseif not kind:find "^%l[%l%d-]*$" or #kind > 48 then
    found:add(file, ("'%s' is no kind of mail"):format(kind), "small letters, digits and _, 48 at most")
  else
    kinds[kind] = make
  end
end

-- Loads every module of mails/; raises every fault of every file.
local function load(modules)
  local found = faults.new()
  kinds = {}
  for _, module in ipairs(modules) do
    add_file(module, found)
  end
  found:raise()
end

local function maker_of(kind, level)
  local make = kinds[kind]
  if not make then
    local hint = faults.nearest(kind, faults.names_of(kinds))
    error(("there is no mail '%s', a file of lua/mails/ (%s)"):format(tostring(kind), hint), level + 1)
  end
  return make
end

local function send(kind, payload, options)
  maker_of(kind, 2)
  return jobs.enqueue("server.mail", { kind = kind, payload = payload }, options)
end

local function check_fields(kind, it)
  for key, value in pairs(it) do
    if type(value) ~= FIELDS[key] then
      error(("mail %s: '%s' is wrong: there are to, subject and text"):format(kind, tostring(key)), 0)
    end
  end
  for key in pairs(FIELDS) do
    if it[key] == nil then
      error(("mail %s: it needs '%s'"):format(kind, key), 0)
    end
  end
end

-- The mail of that kind as it leaves: { kind =, from =, to =, text = all of it }. nil when it is no longer wanted; nil
-- and a failure as that of deliver when it goes nowhere. job: its id makes the Message-ID, by which whoever gets it
-- twice knows it.
local function compose(kind, payload, job)
  local it = maker_of(kind, 1)(payload)
  if it == nil then
    return nil
  end
  check_fields(kind, it)
  if not text.is_email(it.to) then
    return nil, { code = "address_invalid", detail = "that is no address for mail", is_permanent = true }
  end
  return {
    kind = kind, from = FROM, to = it.to,
    text = mime.compose {
      from = FROM, to = it.to, subject = it.subject, text = it.text, date = time.format(time.now()),
      id = job .. "@" .. HOST,
    },
  }
end

-- Sends what compose made: { answer = of the server for mail } or { file = that it became }; or nil and
-- { code, detail, is_permanent = whether it would be refused again }.
local function deliver(mail)
  local what, failure
  if HAS_SERVER then
    what, failure = out.send { from = mail.from, to = mail.to, text = mail.text }
  else
    what, failure = out.keep(mail.kind, mail.text)
  end
  return what and { [HAS_SERVER and "answer" or "file"] = what }, failure
end

-- The mail of `medbookd mail test ADDRESS`, which knows no job.
local function test(to)
  local mail, failure = compose("test", { to = to }, id.cuid())
  return mail and mail.text or error(("mail: %s: %s"):format(failure.code, failure.detail), 0)
end

return { load = load, send = send, compose = compose, deliver = deliver, test = test }
