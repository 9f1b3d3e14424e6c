-- The signed-in user.
local db = require "mb.db"
local users = require "queries.users"

return {
  {
    method = "GET", path = "/v1/me", permission = "me.use",
    summary = "Who the token belongs to",
    handler = function(req)
      return db.query(users.profile, req.user_id)[1]
    end,
  },
}
