-- Real servers for tests that must see several processes, real commits or a real socket: the program itself, on
-- a copy of the template database, with the scripts, plugins and configuration of the installation.
local host = require "medbookd.host"
local json = require "mb.json"
local message = require "medbookd.message"

local copies = 0

-- Rows of a statement that the owner of a database runs.
local function owner_query(database, sql)
  local text, why = host.query_at(("%s dbname=%s"):format(host.info.database, database), sql)
  if not text then
    error(why, 3)
  end
  return json.decode(text)
end

local function words_of(place, settings)
  local words = { "run", table.unpack(host.info.words) }
  local all = {
    listen = "127.0.0.1:" .. place.port, admin_listen = "127.0.0.1:" .. place.admin_port, data_dir = place.data_dir,
    ["http.check_answers"] = "true",
    ["database.url"] = ("%s dbname=%s user=medbookd_app"):format(host.info.database, place.database),
  }
  for key, value in pairs(settings or {}) do
    all[key] = value
  end
  for key, value in pairs(all) do
    words[#words + 1] = "--set"
    words[#words + 1] = ("%s=%s"):format(key, tostring(value))
  end
  return words
end

-- Requests over the network, to one port.
local function requests_to(port)
  local it = {}
  function it.request(method, target, options)
    return message.read(host.exchange(message.write(method, target, options or {}), port), method)
  end
  message.add_verbs(it)
  return it
end

local function await_ready(app)
  for _ = 1, 600 do
    local ok, answer = pcall(app.get, "/readyz")
    if ok and answer.status == 200 then
      return app
    elseif not host.is_running(app.pid) then
      error("the server ended; its log:\n" .. app.log(), 4)
    end
    host.pause(100)
  end
  error("the server did not become ready; its log:\n" .. app.log(), 4)
end

-- Starts one, settings being more keys of the configuration. It runs until app.stop(), or until all tests have
-- ended. Its requests are those of medbookd.test: app.get, app.post …; app.admin.get … on the admin address.
return function(settings)
  copies = copies + 1
  local place = {
    port = host.free_port(), admin_port = host.free_port(), database = ("test_%d"):format(copies),
    data_dir = ("%s/server-%d"):format(host.info.folder, copies),
  }
  local log_file = place.data_dir .. ".log"
  owner_query("postgres", ("CREATE DATABASE %s TEMPLATE medbookd_template STRATEGY file_copy"):format(place.database))
  local app = requests_to(place.port)
  app.admin = requests_to(place.admin_port)
  app.pid = host.start(words_of(place, settings), log_file)

  -- SQL as the owner of its database, over a connection of its own.
  function app.query(sql)
    return owner_query(place.database, sql)
  end

  function app.log()
    local file <close> = io.open(log_file)
    return file and file:read "a" or ""
  end

  -- In order, as SIGTERM does.
  function app.stop()
    host.stop(app.pid)
  end

  return await_ready(app)
end
