-- Who may do what with a booking. The subject is the row of queries/bookings.lua `get`.
local permit = require "mb.permit"
local manage_token = require "mb.manage_token"

-- Whoever holds the manage token that the booking's creator was given.
local function token_holder(req, booking)
  return manage_token.matches(req.token, booking.id, booking.tokenVersion)
end

-- The patient who is signed in.
local function client(req, booking)
  return req.user_id ~= nil and booking.clientId == req.user_id
end

return {
  view = permit.any(token_holder, client),
  cancel = permit.any(token_holder, client),
}
