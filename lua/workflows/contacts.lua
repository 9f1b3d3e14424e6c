-- Telephone and WhatsApp numbers of an account: a new one waits for a code that was sent to it, and then takes the
-- place of the old one. The code is an HMAC of the server's key over the id of what waits, so that no table, job or
-- backup holds one; it is made when the message leaves, and again to judge what was typed.
local accounts = require "queries.accounts"
local config = require "mb.config"
local crypto = require "mb.crypto"
local db = require "mb.db"
local http = require "mb.http"
local id = require "mb.id"
local jobs = require "workflows.jobs"
local problem = require "mb.problem"
local provisions = require "workflows.provisions"
local rate = require "mb.rate"
local request = require "workflows.account_request"

local VALID_FOR <const> = "10min"
local A_DAY <const> = 3 -- codes for one account, and to one number
local OF_ADDRESS <const> = math.tointeger(tonumber(config.declare("auth.code_rate_address", {
  type = "integer", default = 10, least = 0, most = 1000000,
  help = "codes by SMS or WhatsApp in a day for one IPv4 address or one /64 of IPv6; 0 = any number",
})))

local function code_of(code_id)
  return ("%06d"):format(string.unpack(">I6", crypto.decode64(crypto.hmac("contact-code", code_id))) % 1000000)
end

-- What a code counts for. Numbers are kept as their HMAC: who left is not in the table.
local function counts_of(req, kind, number)
  local counts = {
    { key = ("%s account %s"):format(kind, req.user_id), most = A_DAY },
    { key = ("%s number %s"):format(kind, crypto.hmac("contact-number", number)), most = A_DAY },
  }
  if OF_ADDRESS > 0 then
    counts[3] = { key = "address " .. rate.network(req.client), most = OF_ADDRESS }
  end
  return counts
end

-- Has a code sent to the number in the field `kind` of the body: "phone" or "whatsapp".
local function ask(req, kind)
  if not provisions.channel(kind) then
    provisions.refuse_missing()
  end
  local number, code_id = req.body[kind], id.cuid()
  local text = request(req, {
    account = req.user_id, kind = kind, number = number, codeId = code_id, validFor = VALID_FOR,
    counts = counts_of(req, kind, number),
  })
  db.tx(function(tx)
    local wait = tx:query(accounts.ask_for_code, text)[1].wait
    if wait then
      error(problem(429, "rate_limited", "too many codes for you, this number or your address: try again later",
        { retry_after = wait }))
    end
    jobs.enqueue("server.contact_code", { codeId = code_id }, { tx = tx })
  end)
end

-- Takes the code of the body.
local function verify(req, kind)
  local waiting = db.query(accounts.code, req.user_id, kind)[1]
  local done = waiting and db.query(accounts.try_code, request(req, {
    account = req.user_id, codeId = waiting.id, isRight = crypto.equal(req.body.code, code_of(waiting.id)),
  }))[1]
  if done and done.outcome == "exhausted" then
    error(problem(429, "too_many_attempts", "this code was tried too often: have a new one sent",
      { retry_after = done.wait }))
  elseif not done or done.outcome ~= "verified" then
    error(problem(422, "invalid_code", "this is not the code that was sent last, or it has expired"))
  end
end

-- Sends the code of that id, unless it is of no use any more. message: the same at each attempt.
local function deliver(code_id, message)
  local it = db.query(accounts.open_code, code_id)[1]
  if not it then
    return
  end
  local code = code_of(it.id)
  provisions.ask(provisions.channel(it.kind), "send", {
    id = message, to = it.number, data = { code = code },
    text = ("%s is your code for %s. It works for 10 minutes; give it to nobody."):format(code,
      http.host(config "http.public_url")),
  })
end

return { ask = ask, verify = verify, deliver = deliver }
