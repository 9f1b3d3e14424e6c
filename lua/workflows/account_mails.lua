-- Mails about accounts (lua/mails says what stands in them): jobs of the transaction that they belong to. Their
-- payloads hold ids; links are looked up, and their tokens made, when the mail is written, so that it holds the one
-- that works.
local config = require "mb.config"
local crypto = require "mb.crypto"
local mail = require "workflows.mail"
local rate = require "mb.rate"

local MOST <const> = math.tointeger(tonumber(config.declare("auth.mail_rate", {
  type = "integer", default = 5, least = 1, most = 1000000,
  help = "mails of one kind that strangers may have sent to one address in an hour; the next waits until it is over",
})))
local WINDOW <const> = 60 * 60 * 1000

-- One that anybody may ask for, by an address: of account, an id, or nil where there is none that it would be for. Then
-- the job is made all the same, as what is not done would tell. Those that are too many become one, which leaves when
-- the hour is over: as that is after the last of them was asked for, it holds the link that works then.
local function send(kind, email, account, tx)
  local is_taken, _, left = rate.take("mail " .. kind, email:lower(), MOST, WINDOW)
  local of = account or "nobody-" .. crypto.hmac("no-account", email:lower())
  local options = { tx = tx }
  if not is_taken then
    options.key, options.after = kind .. " " .. of, (left + 1000) .. "ms"
  end
  mail.send(kind, { userId = of }, options)
end

-- One that follows from what the account's owner has done.
local function tell(kind, payload, tx)
  mail.send(kind, payload, { tx = tx })
end

return { send = send, tell = tell }
