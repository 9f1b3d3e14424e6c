-- What `medbookd mail test ADDRESS` sends.
local config = require "mb.config"

return function(payload)
  return {
    to = payload.to, subject = "Test mail of medbookd",
    text = "This mail was asked for by `medbookd mail test`: the server at " .. config "http.public_url" ..
      " can send mail to you.\n",
  }
end
