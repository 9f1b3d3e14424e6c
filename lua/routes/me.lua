-- The signed-in user.
local answers = require "validation.answers"
local db = require "mb.db"
local users = require "queries.users"

return {
  {
    method = "GET", path = "/v1/me", permission = "me.use",
    summary = "Who the token belongs to",
    responses = { [200] = answers.me },
    handler = function(req)
      return db.query(users.profile, req.user_id)[1]
    end,
  },
}
